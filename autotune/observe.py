"""One watched run of the user's own command → Observation: what the model is, where its time goes, and its raster."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import KNOBS
from autotune.agent.protocol import RankReport
from autotune.agent.session import FINITIALIZE_V
from autotune.errors import BaselineError, MpiError
from autotune.launch.ask import Run
from autotune.launch.command import Command
from autotune.launch.judge import RunFailed
from autotune.launch.mechanisms import launch_facts
from autotune.launch.mpi import Mpi
from autotune.launch.run import FreshRunner
from autotune.launch.workspace import snapshot, written
from autotune.machine import physical_cores, usable_cores
from autotune.raster import Raster, read_raster, write_raster
from autotune.store.folder import StudyFolder
from autotune.store.records import Environment, ModelIdentity

HANG_FACTOR, HANG_SLACK_S = 10.0, 60.0
MOSTLY = 0.5  # the share of the run section that must be psolve for NEURON's timers to tell its length


@dataclass(frozen=True)
class Takeover:
    """How a model's process is made to run its built network again and again."""

    at: int
    """The number, from 0, of the finitialize that begins its run."""
    until_ms: float
    """The t at which the watched run ended."""
    psolve: bool
    """It integrates by `pc.psolve`."""
    ways: tuple[str, ...] = ()
    """How the network may be started again (agent.session.WAYS), the first one is used; none with fork."""
    fork: bool = False
    """Each run is a copy of the process."""
    v_mv: float | None = None
    """The voltage that finitialize gave to all segments, if it did."""
    own: dict[str, Any] = field(default_factory=dict)
    """The model's own settings, as far as they can be read after a run only."""


@dataclass(frozen=True)
class Observation:
    """The user's own run, watched; everything later is compared with it."""

    RECORD: ClassVar[str] = "observation"

    facts: ModelFacts
    environment: Environment
    exit_code: int | None
    spikes: int
    raster_digest: str
    voltage_digests: tuple[str, ...]
    """One of each rank: what verifies a model that makes no spikes."""
    voltages: tuple[dict[str, Any], ...] = field(default=(), kw_only=True)
    """What its sampled voltages do, rank by rank (agent/voltages.py): the yardstick of stability."""
    run_s: float
    wall_s: float
    sections: dict[str, float]
    load_balance: float | None
    """mean(step_time) / max(step_time + step_wait) over the ranks; 1 is perfect; None without psolve."""
    rank_cells: tuple[int, ...]
    finitializes: int
    """How many times a rank called finitialize; settings apply to all of them."""
    runs: int = 1
    """How many of these were followed by a run."""
    takeover: Takeover | None = None
    """How the process can be made to run its built network again; None when nothing was integrated."""
    written: tuple[str, ...] = ()
    """Files in the command's folder that the run made or changed."""
    notes: tuple[str, ...] = field(default=())

    def limit_s(self, own_limit_s: float) -> float:
        """After so many seconds a run of this model must be hanging; `own_limit_s` is the user's limit."""
        return min(own_limit_s, HANG_FACTOR * self.wall_s + HANG_SLACK_S)


def observed(
    folder: StudyFolder, watcher: FreshRunner, mpi: Mpi | None, limit_s: float, environments: Sequence[Path]
) -> tuple[Observation, Raster]:
    """The observation of a study and the baseline's raster: an earlier driver's, else made now. Raises as observe."""
    observation = folder.read(Observation)
    if observation is not None and folder.baseline_raster.is_file():
        return observation, read_raster(folder.baseline_raster)
    observation, baseline = observe(watcher, mpi, limit_s, environments)
    write_raster(folder.baseline_raster, baseline)
    folder.write(observation)
    return observation, baseline


def observe(
    runner: FreshRunner, mpi: Mpi | None, limit_s: float, environments: Sequence[Path] = ()
) -> tuple[Observation, Raster]:
    """Run the command once, untouched but watched; `environments` are further ones in which it may run.

    Raises BaselineError or MpiError when it does not run as it stands, UsageError for an environment without NEURON.
    """
    before = snapshot(runner.command.cwd, runner.ours)
    try:
        run = runner.watch(limit_s)
    except RunFailed as failure:
        if failure.failure == "no mpi":  # nothing is wrong with the model
            raise MpiError(failure.message, cure=failure.cure, details=failure.details) from failure
        message = f"the model does not run with its own settings: {failure.message}"
        raise BaselineError(message, cure=failure.cure, details=failure.details) from failure
    run = run.timed_by("psolve" if uses_psolve(run) else "clock")
    facts = merge_facts(run, runner.command)
    launch = launch_facts(
        runner.command,
        runner.environment,
        mpi,
        libraries=sorted({library for report in run.reports for library in report.model["libraries"]}),
        neuron=facts.neuron,
        executable=run.reports[0].executable,
        environments=environments,
    )
    facts = replace(facts, launch=launch)
    observation = Observation(
        facts=facts,
        environment=describe_environment(run, mpi),
        exit_code=run.exit_code,
        spikes=len(run.raster),
        raster_digest=run.raster.digest(),
        voltage_digests=voltage_digests(run),
        voltages=tuple(report.voltage for report in run.reports),
        run_s=run.run_s,
        wall_s=run.wall_s,
        sections=run.sections,
        load_balance=_load_balance(run.reports),
        rank_cells=tuple(int(r.model.get("cells", 0)) for r in run.reports),
        finitializes=max(len(r.sections) for r in run.reports),
        runs=len(_runs(run.reports[0])),
        takeover=_takeover(run, facts),
        written=tuple(written(before, snapshot(runner.command.cwd, runner.ours))),
        notes=tuple(_notes(run, facts)),
    )
    return observation, run.raster


def merge_facts(run: Run, command: Command) -> ModelFacts:
    """The facts of the whole network from those of its ranks."""
    models = [report.model for report in run.reports]
    lowest = [model["min_delay_ms"] for model in models if model["min_delay_ms"] is not None]
    version = re.search(r"(\d+)\.(\d+)\.?(\d+)?", run.reports[0].neuron)
    assert version is not None, run.reports[0].neuron
    threads = max(model["threads"] for model in models)
    return ModelFacts(
        neuron=tuple(int(part or 0) for part in version.groups()),
        ranks=run.ranks,
        dt_ms=run.reports[0].dt_ms,
        t_stop_ms=round(run.t_ms, 6),
        ranks_tunable=command.tunable_ranks,
        cores=usable_cores(),
        cvode=any(report.cvode for report in run.reports),
        psolve=uses_psolve(run),
        threads=threads,
        cells=sum(model["cells"] for model in models),
        artificial_cells=sum(model["artificial_cells"] for model in models),
        artificial_gids=sum(model["artificial_gids"] for model in models),
        output_gids=tuple(model["output_gids"] for model in models),
        shared=all(section.shared for report in run.reports for section in report.sections),
        no_coreneuron=next((reason for model in models if (reason := model["no_coreneuron"])), ""),
        has_sections=any(model["sections"] for model in models),
        thread_unsafe=tuple(sorted({name for model in models for name in model["thread_unsafe"]})),
        min_delay_ms=min(lowest, default=None),
        delays_ms=tuple(sorted({delay for model in models for delay in model["delays_ms"]})),
        histogram=tuple(run.reports[0].histogram),
        queue_events=max(threads * sum(s.queue_events for s in report.sections) for report in run.reports),
        run_s=run.run_s,
        step_s=run.sections["step"],
        exchange_s=run.sections["exchange"],
        barrier_s=run.sections["barrier"],
        baseline=dict(run.effective),
    )


def _runs(report: RankReport) -> list[int]:
    """The numbers of the finitializes that were followed by a step at least."""
    return [number for number, s in enumerate(report.sections) if s.t_stop_ms - s.t_start_ms > 0.5 * s.dt_ms]


def _takeover(run: Run, facts: ModelFacts) -> Takeover | None:
    runs = _runs(run.reports[0])
    if not runs:
        return None
    at = runs[0]
    voltages = {report.sections[at].uniform_mv for report in run.reports if at < len(report.sections)}
    v_mv = voltages.pop() if len(voltages) == 1 else None
    ways = tuple(way for way in run.reports[0].model["ways"] if way != FINITIALIZE_V or v_mv is not None)
    own = {name: value for name, value in facts.baseline.items() if KNOBS[name].told_by_run}
    return Takeover(at, facts.t_stop_ms, facts.psolve, ways, v_mv=v_mv, own=own)


def uses_psolve(run: Run) -> bool:
    """Whether the longest section of the run is spent in pc.psolve."""
    section = max(run.reports[0].sections, key=lambda s: s.until_next_s)
    if section.clock_s is None:  # no clock with CVODE: until_next_s holds the model's output too
        return section.psolve_s > 0.0
    return section.psolve_s > MOSTLY * section.clock_s


def voltage_digests(run: Run) -> tuple[str, ...]:
    """What the sampled voltages of each rank looked like, as a digest; empty strings where nothing was sampled."""
    return tuple(str(report.voltage.get("digest", "")) for report in run.reports)


def describe_environment(run: Run, mpi: Mpi | None) -> Environment:
    """Where the study runs, as the ranks and the launcher tell it."""
    first = run.reports[0]
    return Environment(
        neuron=first.neuron,
        python=first.python,
        executable=first.executable,
        mpi=f"{mpi.family} {mpi.version}" if mpi else "none",
        mpi_library=first.library,
        ranks=run.ranks,
        cpu=_cpu(),
        cores=physical_cores(),
        host=first.host,
        platform=platform.platform(),
    )


def identify_model(command: Command) -> ModelIdentity:
    """Which model this is: the command and the SHA-256 of its files."""
    return ModelIdentity(
        command=tuple(command.argv),
        folder=str(command.cwd),
        files={_relative(file, command.cwd): _sha256(file) for file in command.model_files()},
    )


def _load_balance(reports: tuple[RankReport, ...]) -> float | None:
    step = [sum(s.step_s for s in r.sections) for r in reports]
    with_wait = [sum(s.step_s + s.step_wait_s for s in r.sections) for r in reports]
    if not any(step):
        return None
    return sum(step) / len(step) / max(with_wait)


def _notes(run: Run, facts: ModelFacts) -> list[str]:
    """What the user should know of this run before any tuning."""
    notes = []
    if not len(run.raster):
        notes.append(
            "the model made no spikes: exact knobs can be verified by the voltages of sampled segments, "
            "a change of dt cannot be verified and is not searched"
        )
    if facts.min_delay_ms == 0 and facts.ranks > 1:
        notes.append("a delay of 0 between ranks: NEURON cannot run this on more than one rank with fixed step")
    stopped = run.reports[0].tstop_ms
    if stopped is not None and facts.t_stop_ms < stopped - facts.dt_ms and facts.t_stop_ms > 0 and not facts.psolve:
        notes.append(f"the run stopped at t = {facts.t_stop_ms:g} ms, before its tstop of {stopped:g} ms")
    if not facts.psolve:
        notes.append("the run section is not pc.psolve: run() and loops of fadvance are slower by themselves")
    for report in run.reports:
        if report.model.get("gids_without_cell"):
            notes.append(f"rank {report.rank}: gids without a cell: {report.model['gids_without_cell']}")
    return notes


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or "unknown"
    match = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return match.group(1) if match else platform.machine()


def _relative(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
