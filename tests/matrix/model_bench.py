"""A bench that runs a test model in an environment of its own, as its user would and with the agent inside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import autotune.launch.run as fresh
from autotune.config import AcceptConfig
from autotune.launch import Finished, find_mpi, launch_environment, mpi_environment, parse_command, run_process
from autotune.launch.run import FreshRunner, Run, stage_agent
from autotune.observe import observe
from autotune.plan.space import make_space
from autotune.raster.metrics import identical
from autotune.search.resident import ResidentRecord, Residents
from autotune.verify.acceptance import Acceptance

MODELS = (Path(__file__).with_name("models"), Path(__file__).parent.parent / "models")


@dataclass(frozen=True)
class Ending:
    """What a user sees of a run: the lines of each stream, sorted (ranks interleave), exit code, files."""

    stdout: list[str]
    stderr: list[str]
    exit_code: int | None
    files: dict[str, bytes]


@dataclass
class Bench:
    """Runs commands in a fresh copy of the test models, always at the same path; `programs` come first on PATH."""

    home: Path
    programs: Path
    extra: Sequence[Path] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.home / "model"

    def plain(self, line: str) -> Ending:
        """Run `line` as its user would."""
        command, environment = self._prepare(line)
        out, err = self.home / "out.txt", self.home / "err.txt"
        finished = run_process(command.render(), cwd=command.cwd, env=environment, stdout=out, stderr=err, timeout_s=60)
        return self._ending(finished)

    def watched(
        self, line: str, settings: dict[str, object] | None = None, observe: bool = True, shared: bool = False
    ) -> tuple[Run, Ending]:
        """Run `line` with the agent inside. Raises RunFailed; `last` then holds the ending."""
        runner = replace(self.runner(line), shared=shared)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fresh, "run_process", self._keeping_the_ending)
            run = runner.run(settings, observe=observe, timeout_s=60)
        return run, self.last

    def runner(self, line: str) -> FreshRunner:
        """Runs `line` with the agent inside."""
        command, environment = self._prepare(line)
        stage_agent(self.home / "agent")
        return FreshRunner(command, environment, self.home / "agent", self.home / "scratch", end_grace_s=20)

    def _keeping_the_ending(self, *args: object, **kwargs: object) -> Finished:
        finished = run_process(*args, **kwargs)
        self.last = self._ending(finished)
        return finished

    def _prepare(self, line: str):
        shutil.rmtree(self.folder, ignore_errors=True)
        for source in (*MODELS, *self.extra):
            shutil.copytree(source, self.folder, dirs_exist_ok=True, symlinks=True)
        command = parse_command(line.split(), self.folder)
        path = os.pathsep.join([str(self.programs), os.environ["PATH"]])
        own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DISPLAY")}
        environment = launch_environment(command, {**own, "PATH": path, **self.variables})
        return command, environment | mpi_environment(find_mpi(command, environment), environment)

    def _ending(self, finished: Finished) -> Ending:
        files = {
            str(file.relative_to(self.folder)): file.read_bytes()
            for file in sorted(self.folder.rglob("*"))
            if file.is_file() and file.suffix != ".pyc"
        }
        streams = (sorted(file.read_text().splitlines()) for file in (finished.stdout, finished.stderr))
        return Ending(*streams, finished.exit_code, files)


def chosen(bench: Bench, line: str, knobs: Sequence[str]) -> tuple[ResidentRecord, Residents]:
    """What a study over `knobs` would find out about running this model many times; close the second."""
    runner = bench.runner(line)
    observation, baseline = observe(runner, None)
    runner = runner.timed_by("psolve" if observation.facts.psolve else "clock")
    runner = replace(runner, shared=observation.facts.shared)
    space = make_space(observation, only=knobs)
    residents = Residents(runner, space, Acceptance(baseline, observation, AcceptConfig()))
    return residents.choose(), residents


def stay_sound(residents: Residents) -> int:
    """Run with the last value of each searched knob, and after each with the model's own settings; the number that
    took effect in a session."""
    space, changed = residents.space, 0
    for name, domain in space.domains.items():
        settings = space.changes(space.with_values(**{name: domain.values[-1]}))
        if not settings or residents.runner_for(settings) is not residents:
            continue
        assert residents.run(settings, timeout_s=60).effective[name] == domain.values[-1]
        assert identical(residents.run({}, timeout_s=60).raster, residents.acceptance.baseline), f"after {settings}"
        changed += 1
    assert residents.lost == 0
    return changed
