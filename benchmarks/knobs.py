"""What each knob does to the time of some studies, all else as the user has it: `python benchmarks/knobs.py STUDY...`

Each setting runs between two runs of the user's own settings; the ratio is to their geometric mean, and below 1 is
faster. The interval is Student's, 95 %, of the mean log ratio. "noise" says that it holds 1. The first row is the
user's own settings against themselves. One row in twenty will be called faster or slower by chance.
A knob that acts only beside another one is shown beside it, and its row is the effect of both.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scipy import stats

from autotune.agent.knobs import KNOBS
from autotune.begin import prepare
from autotune.config import StudyConfig, read_study
from autotune.launch.ask import Ask, Run
from autotune.launch.build import BuildFailed
from autotune.launch.judge import RunFailed
from autotune.launch.mechanisms import Builder
from autotune.launch.run import FreshRunner, stage_agent
from autotune.measure import paired_ratio
from autotune.observe import Observation, observe
from autotune.plan.making import make_space
from autotune.plan.manner import manner
from autotune.plan.space import SearchSpace
from autotune.raster import Raster
from autotune.raster.metrics import distance, identical
from autotune.report.format import format_settings
from autotune.settings import UNCHANGED, Changes


def settings_to_time(space: SearchSpace, every_value: bool) -> Iterator[Changes]:
    """The user's own settings (nothing changed), then each knob at the advised values, or at the farthest one."""
    yield UNCHANGED
    for name, domain in space.domains.items():
        others = [value for value in domain.values if value != space.baseline[name]]
        chosen = others if every_value else list(domain.recommended) or others[-1:]
        for value in (value for value in chosen if value in others):
            beside = enabling(space, name)
            if beside is not None:
                yield Changes({**beside, name: value})


def enabling(space: SearchSpace, name: str) -> Changes | None:
    """The smallest change that lets the knob act: none, or one value of another knob; None when there is none."""
    values = [(other, v) for other, domain in space.domains.items() for v in (*domain.recommended, *domain.values)]
    changes = [UNCHANGED, *(Changes({other: value}) for other, value in values)]
    return next((change for change in changes if space.acts(name, change)), None)


def measure(
    runner: FreshRunner, own: Ask, baseline: Raster, settings: Changes, pairs: int, window_ms: float
) -> list[str]:
    """One row: ratio, interval, what to think of it, and the raster. The user's `own` settings come first and last."""
    ratios: list[float] = []
    run: Run | None = None
    try:
        runner.prepare(settings)
    except BuildFailed as failure:
        return ["", "", f"cannot be built: {failure.message}", ""]
    before = runner.run(own).run_s
    for _ in range(pairs):
        try:
            run = runner.run(own.setting(settings))
        except RunFailed as failure:
            return ["", "", f"does not run: {failure.message}", ""]
        refused = [name for name, value in settings.items() if run.effective[name] != value]
        if refused:
            return ["", "", f"took no effect: {', '.join(refused)}", ""]
        after = runner.run(own).run_s
        ratios.append(paired_ratio(before, run.run_s, after))
        before = after
    assert run is not None
    mean, low, high = interval(ratios)
    said = "noise" if low <= 1.0 <= high else "faster" if high < 1.0 else "slower"
    same = identical(baseline, run.raster)
    raster = "identical" if same else f"{distance(baseline, run.raster, window_ms):.1%} beyond {window_ms:g} ms"
    return [f"{mean:.3f}", f"{low:.3f} to {high:.3f}", said, raster]


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Geometric mean and its 95 % interval."""
    logs = [math.log(ratio) for ratio in ratios]
    mean = sum(logs) / len(logs)
    half = float(stats.sem(logs) * stats.t.ppf(0.975, len(logs) - 1))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half)


def table_of(config: StudyConfig, pairs: int, every_value: bool, names: list[str], console: Console) -> None:
    command, environment, mpi = prepare(config)
    with tempfile.TemporaryDirectory(prefix="autotune-knobs-") as name:
        agent = Path(name, "agent")
        stage_agent(agent)
        runner = FreshRunner(command, environment, agent, Path(name, "scratch"), config.run.end_grace_s)
        observation, baseline = observe(runner, mpi, config.run.timeout_s)
        space = make_space(observation, only=names)
        builder = Builder(observation.facts.launch, environment)
        runner = replace(runner, manner=manner(observation, space, builder))
        own = Ask(observation.limit_s(config.run.timeout_s))
        table = Table(
            "settings", "time ratio", "95 %", "", "raster", title=title(config, observation), title_justify="left"
        )
        with console.status("") as status:
            for settings in settings_to_time(space, every_value):
                label = format_settings(settings) or "the user's own, again"
                status.update(f"{config.name}: {label}")
                table.add_row(label, *measure(runner, own, baseline, settings, pairs, config.accept.window_ms))
        console.print(table)


def title(config: StudyConfig, observation: Observation) -> str:
    facts = observation.facts
    version = ".".join(map(str, facts.neuron))
    return f"{config.name}: NEURON {version}, {facts.ranks} ranks, run section {facts.run_s:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", type=Path, metavar="STUDY")
    parser.add_argument("--pairs", type=int, default=6, help="runs of each setting (6)")
    parser.add_argument("--every-value", action="store_true", help="time each value, not one of each knob")
    parser.add_argument("--knobs", nargs="+", default=[*KNOBS], help="time these only (all that apply)")
    args = parser.parse_args()
    for study in args.studies:
        table_of(read_study(study), args.pairs, args.every_value, args.knobs, Console(width=110, highlight=False))


if __name__ == "__main__":
    main()
