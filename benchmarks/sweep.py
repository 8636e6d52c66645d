"""Is a model changed by being watched? `python benchmarks/sweep.py LIST --results FOLDER [--report FILE]`.

LIST is a TOML file of models; each is started as its user would, twice or more, and once with the agent inside, every
time in a fresh copy of its folder at the same path. Compared are exit code, what is printed, every file that is made,
changed or removed anywhere below the repository, the home folder or the folder of temporary files, and processes that
are left. What varies among the bare runs may vary. Then the plan: what would be searched, and why the rest would not.

    [[models]]
    name = "ModelDBRepository/3264"     # what the report calls it
    version = "3e6afdf"                 # of the repository
    source = "src/3264"                 # its folder, seen from LIST; it is copied, never touched
    folder = "."                        # where the command runs, below source
    build = "nrnivmodl ."               # a line for the shell, in that folder; may be missing
    command = "nrniv mosinit.hoc -c 'run()'"
    neuron = ["8.2.7", "9.0.2"]         # as ENVIRONMENTS/*-neuron-VERSION/bin; "" is what PATH holds
    clock = "psolve time"               # lines that tell seconds of real time, which bare runs may agree on by chance

One result file a model and version: what is there is skipped, so that a sweep goes on where it was stopped. Exit code 1
if any model was changed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import traceback
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from endings import MARK, Ending, Stamps, differences, ending_of, stamps, varying

from autotune import pipeline
from autotune.begin import prepare
from autotune.config import StudyConfig, make_config
from autotune.config.reading import tomllib
from autotune.errors import AutotuneError
from autotune.launch import Finished, run_process
from autotune.launch.ask import Ask, Run, Way
from autotune.launch.run import FreshRunner
from autotune.report.plan import plan_json

SLACK_S = 60.0
MOST_BARE_RUNS = 4
OWN = ("PYTHONPATH", "DISPLAY", "VIRTUAL_ENV")
"""Variables of this process that a model must not see."""


@dataclass(frozen=True)
class Model:
    """A published model, and how it is started."""

    name: str
    source: Path
    command: str
    version: str = ""
    folder: str = "."
    build: str = ""
    neuron: str = ""
    clock: str = ""

    @property
    def key(self) -> str:
        return f"{self.name.replace('/', '+')}-{self.neuron or 'here'}"


@dataclass
class Result:
    """What the sweep found out about one model in one NEURON."""

    name: str
    version: str
    neuron: str
    command: str
    state: str = ""
    """unchanged, changed, not built, fails bare, too slow, fault (of ours, with a traceback)."""
    bare_s: float = 0.0
    watched_s: float = 0.0
    details: list[str] = field(default_factory=list)
    """What differs, or what the model or its build said in the end."""
    varies: list[str] = field(default_factory=list)
    refused: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    searched: dict[str, list[Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Keeping(FreshRunner):
    """A runner that keeps how its runs ended, as it removes their folders."""

    home: Path = Path()
    before: Stamps = field(default_factory=dict)
    endings: list[Ending] = field(default_factory=list)

    def read(self, folder: Path, finished: Finished, ask: Ask, way: Way) -> Run:
        self.endings.append(ending_of(finished, self.home, self.before, self.environment[MARK]))
        return super().read(folder, finished, ask, way)


class Bench:
    """Runs one model, bare and watched, in `work`, where only one may work at a time."""

    def __init__(self, model: Model, work: Path, programs: Path | None, limit_s: float) -> None:
        self.model, self.work, self.programs, self.limit_s = model, work, programs, limit_s
        self.built, self.home = work / "built", work / "home"

    @property
    def folder(self) -> Path:
        return self.home / "model" / self.model.folder

    def result(self) -> Result:
        """Build, run and compare; never raises."""
        result = Result(self.model.name, self.model.version, self.model.neuron, self.model.command)
        try:
            with self._environment():
                self._fill(result)
        except Exception:  # the sweep goes on, and the report shows it
            result.state, result.details = "fault", traceback.format_exc().splitlines()[-6:]
        return result

    def _fill(self, result: Result) -> None:
        failed = self._build()
        if failed:
            result.state, result.details = "not built", failed
            return
        bare = [self.bare()]
        result.bare_s = bare[0].wall_s
        if bare[0].exit == "time limit":
            result.state = "too slow"
            return
        bare.append(self.bare())
        watched = self.watched(result, SLACK_S + 3 * bare[0].wall_s)
        in_order = shlex.split(self.model.command)[0] not in ("mpiexec", "mpirun")
        while (different := differences(bare, watched, in_order, self.model.clock)) and len(bare) < MOST_BARE_RUNS:
            bare.append(self.bare())
        result.watched_s, result.varies = watched.wall_s, varying(bare)
        result.state = "changed" if different else "unchanged"
        result.details = different
        if not bare[0].good:
            result.state = f"fails bare ({bare[0].exit}), {result.state}"
            result.details += bare[0].stderr.decode(errors="replace").splitlines()[-4:]

    def bare(self) -> Ending:
        """Run the command as its user would."""
        before = self._copy()
        os.environ[MARK] = str(uuid.uuid4())
        command, environment, _ = prepare(self._config())
        streams = {"stdout": self.work / "stdout.txt", "stderr": self.work / "stderr.txt"}
        finished = run_process(command.render(), cwd=command.cwd, env=environment, **streams, timeout_s=self.limit_s)
        return ending_of(finished, self.home, before, environment[MARK])

    def watched(self, result: Result, limit_s: float) -> Ending:
        """Run it with the agent inside, and tell `result` what would be searched."""
        before = self._copy()
        endings: list[Ending] = []
        os.environ[MARK] = str(uuid.uuid4())
        try:
            runner = partial(Keeping, home=self.home, before=before, endings=endings)
            observation, planned = pipeline.plan(self._config(run={"timeout_s": limit_s}), runner)
            space = plan_json(planned)
        except AutotuneError as error:
            result.refused = f"{error.message} {error.cure}".strip()
        else:
            result.searched = {each["knob"]: each["domain"] for each in space["in"]}
            result.left_out = {each["knob"]: each["reason"] for each in space["out"]}
            result.notes = list(observation.notes)
            names = ("ranks", "cells", "artificial_cells", "dt_ms", "t_stop_ms", "cvode", "psolve", "min_delay_ms")
            result.facts = {name: getattr(observation.facts, name) for name in names}
            result.facts |= {"spikes": observation.spikes, "run_s": round(observation.run_s, 3)}
            result.facts["highest_mv"] = max((v["highest_mv"] for v in observation.voltages if v), default=None)
        return endings[0]

    def _build(self) -> list[str]:
        """Prepare the folder that is copied for each run; its last lines if the build fails."""
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.copytree(self.model.source, self.built, symlinks=True)
        if not self.model.build:
            return []
        line = ["sh", "-ec", self.model.build]
        made = subprocess.run(
            line, cwd=self.built / self.model.folder, capture_output=True, text=True, errors="replace"
        )
        return (made.stdout + made.stderr).splitlines()[-12:] if made.returncode else []

    def _copy(self) -> Stamps:
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.built, self.home / "model", symlinks=True)
        for name in ("tmp", "user"):
            (self.home / name).mkdir()
        return stamps(self.home)

    def _config(self, **tables: Any) -> StudyConfig:
        return make_config({"name": "sweep", "command": self.model.command, "folder": self.folder, **tables})

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """That of a user who has activated this NEURON."""
        own = dict(os.environ)
        tempfile.tempdir = str(self.work)  # our own files lie elsewhere than the model's
        path = os.pathsep.join(filter(None, [str(self.programs or ""), own["PATH"]]))
        theirs = {name: value for name, value in own.items() if name not in OWN}
        try:
            os.environ.clear()
            os.environ.update(theirs, PATH=path, HOME=str(self.home / "user"), TMPDIR=str(self.home / "tmp"))
            yield
        finally:
            tempfile.tempdir = None
            os.environ.clear()
            os.environ.update(own)


def read_list(file: Path) -> list[Model]:
    """The models of a list, one for each NEURON version."""
    found = []
    for entry in tomllib.loads(file.read_text())["models"]:
        versions = entry.pop("neuron", "")
        model = Model(**entry | {"source": file.parent / entry["source"]})
        found += [replace(model, neuron=each) for each in ([versions] if isinstance(versions, str) else versions)]
    return found


def read_results(folder: Path) -> list[Result]:
    """The results that are there, by name and version."""
    found = [Result(**json.loads(file.read_text())) for file in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda result: (result.name, result.neuron))


def report(results: list[Result]) -> str:
    """The results as Markdown: a row a model, then every reason with the models that were given it."""
    by_state = defaultdict(list)
    for result in results:
        by_state[result.state].append(result)
    lines = [", ".join(f"{len(these)} {state}" for state, these in sorted(by_state.items())), ""]
    lines += _table(
        ("model", "version", "NEURON", "command", "bare, s", "watched run", "spikes", "searched", "remark"),
        (
            (
                result.name,
                result.version,
                result.neuron,
                f"`{result.command}`",
                f"{result.bare_s:.1f}",
                result.state,
                result.facts.get("spikes", "–"),
                ", ".join(result.searched) or "–",
                "; ".join([result.refused, *result.details[:3]]).strip("; "),
            )
            for result in results
        ),
    )
    reasons: dict[tuple[str, str], list[str]] = defaultdict(list)
    for result in results:
        for knob, reason in result.left_out.items():
            reasons[reason, knob].append(f"{result.name} ({result.neuron})")
    rows = ((knob, reason, len(models), ", ".join(models)) for (reason, knob), models in sorted(reasons.items()))
    return "\n".join([*lines, "", *_table(("knob", "not searched, because", "models", "which"), rows), ""])


def _table(head: Iterable[Any], rows: Iterable[Iterable[Any]]) -> list[str]:
    head = list(head)
    cells = [
        [str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in (head, ["---"] * len(head), *rows)
    ]
    return [f"| {' | '.join(row)} |" for row in cells]


def sweep(models: Iterable[Model], results: Path, work: Path, environments: Path | None, limit_s: float) -> None:
    """Run every model that has no result file yet, and write one."""
    results.mkdir(parents=True, exist_ok=True)
    for model in models:
        file = results / f"{model.key}.json"
        if file.exists():
            continue
        programs = _programs(environments, model.neuron)
        result = Bench(model, work, programs, limit_s).result()
        file.write_text(json.dumps(asdict(result), indent=1))
        print(f"{model.key}: {result.state}, {result.bare_s:.1f} s {result.refused} {result.details[:2]}", flush=True)


def _programs(environments: Path | None, version: str) -> Path | None:
    if not version or environments is None:
        return None
    found = sorted(environments.glob(f"*-neuron-{version}/bin"))
    if not found:
        sys.exit(f"{environments}: no environment of NEURON {version} there")
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("/tmp/autotune-sweep"), help="emptied for every model")
    parser.add_argument("--environments", type=Path, help="a folder as tests/matrix makes it")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of a bare run")
    parser.add_argument("--only", action="append", help="a model's name; all if not given")
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    models = [model for model in read_list(options.list) if not options.only or model.name in options.only]
    sweep(models, options.results.resolve(), options.work.resolve(), options.environments, options.limit)
    results = read_results(options.results)
    if options.report:
        options.report.write_text(report(results))
    sys.exit(any("changed" in result.state.replace("unchanged", "") or result.state == "fault" for result in results))


if __name__ == "__main__":
    main()
