"""A bench that runs a test model in an environment of its own, as its user would and with the agent inside."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import autotune.launch.run as fresh
from autotune.agent.protocol import Job
from autotune.config import AcceptConfig, RunConfig, SearchConfig
from autotune.launch import Finished, find_mpi, launch_environment, mpi_environment, parse_command, run_process
from autotune.launch.ask import Ask, Run
from autotune.launch.mechanisms import Builder
from autotune.launch.run import FreshRunner, Manner, stage_agent
from autotune.observe import observe
from autotune.plan.making import make_space
from autotune.plan.manner import manner
from autotune.raster.metrics import identical
from autotune.session.record import SessionRecord
from autotune.session.router import Router
from autotune.verify.acceptance import Acceptance

VERSIONS = ("8.2.7", "9.0.2")
Environments = Callable[..., Path]

LIMIT_S = 60.0
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
        streams = {"stdout": out, "stderr": err}
        finished = run_process(command.render(), cwd=command.cwd, env=environment, **streams, timeout_s=LIMIT_S)
        return self._ending(finished)

    def watched(
        self, line: str, settings: dict[str, object] | None = None, observe: bool = True, shared: bool = False
    ) -> tuple[Run, Ending]:
        """Run `line` with the agent inside. Raises RunFailed; `last` then holds the ending."""
        runner = replace(self.runner(line), manner=Manner(shared=shared))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fresh, "run_process", self._keeping_the_ending)
            run = self._run(runner, settings or {}, observe)
        return run, self.last

    def runner(self, line: str) -> FreshRunner:
        """Runs `line` with the agent inside."""
        command, environment = self._prepare(line)
        stage_agent(self.home / "agent")
        return FreshRunner(command, environment, self.home / "agent", self.home / "scratch", end_grace_s=20)

    def _run(self, runner: FreshRunner, settings: dict[str, object], observe: bool) -> Run:
        if observe and settings:  # to learn of a trial what a study learns of the user's own run only
            return runner._once(Ask(LIMIT_S, settings), Job(folder="", settings=settings, observe=True))
        return runner.watch(LIMIT_S) if observe else runner.run(Ask(LIMIT_S, settings))

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


def chosen(bench: Bench, line: str, knobs: Sequence[str]) -> tuple[SessionRecord, Router]:
    """What a study over `knobs` would find out about running this model many times; close the second."""
    runner = bench.runner(line)
    observation, baseline = observe(runner, None, LIMIT_S)
    space, wishes = make_space(observation, only=knobs), RunConfig()
    builder = Builder(observation.facts.launch, runner.environment)
    runner = replace(runner, manner=manner(observation, space, builder))
    router = Router(runner, space, Acceptance(baseline, observation, AcceptConfig()), SearchConfig(), wishes)
    return router.decide(Ask(LIMIT_S)), router


def stay_sound(router: Router) -> int:
    """Run with the last value of each searched knob, and after each with the model's own settings; the number that
    took effect in a session."""
    space, changed = router.space, 0
    for name, domain in space.domains.items():
        ask = Ask(LIMIT_S, space.changes(space.with_values(**{name: domain.values[-1]})))
        if not ask.changes or router.runner_for(ask) is not router.proof:
            continue
        assert router.proof.run(ask).effective[name] == domain.values[-1]
        own = router.proof.run(Ask(LIMIT_S))
        assert identical(own.raster, router.acceptance.baseline), f"after {ask.changes}"
        changed += 1
    assert not router.proof.lost
    return changed
