"""The user's production command with the settings of an answer applied, by the way in that every trial used.

It must never start a run that the answer says nothing about without a word: what makes the proof void is refused, what
leaves it open is told.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import autotune.agent
from autotune.agent.driver.ask import ranks_of
from autotune.agent.driver.facts import LaunchFacts
from autotune.agent.knobs import EXACT, RANKS
from autotune.agent.protocol import Job, to_json, write_text
from autotune.best import Best
from autotune.confirm.elsewhere import Checked
from autotune.errors import UsageError
from autotune.handover.applicable import changes_in, facts_here
from autotune.handover.typed import is_typed
from autotune.launch.ask import Ask, Run
from autotune.launch.build import cache_folder
from autotune.launch.command import Command, check_programs, launch_environment, parse_command
from autotune.launch.files import choose
from autotune.launch.interpreter import ask, interpreter_of
from autotune.launch.mechanisms import Builder
from autotune.launch.mpi import Mpi, find_mpi, mpi_environment
from autotune.launch.run import FreshRunner, Manner, stage_agent
from autotune.launch.ways_in import check_way_in
from autotune.machine import cpu_name
from autotune.observe.identity import digest_of, identify_model
from autotune.raster.metrics import match
from autotune.report.format import counted
from autotune.settings import Changes, changes_of

WINDOW_MS = 1.0
LONGEST_S = 7 * 86_400.0
"""No run without a limit: nobody waits longer for a comparison."""
KEPT_BY = ("overlay", "library", "copy")
"""What keeps the user's files from the runs of a comparison; the best first."""
NOTHING = "the study proved no improvement: the command runs as it is"
FORCE = "Tune it again, or give --force to apply the settings all the same."


@dataclass(frozen=True)
class Production:
    """A command that is ready to be started."""

    argv: tuple[str, ...]
    environment: dict[str, str]
    folder: Path
    warnings: tuple[str, ...]
    """What the proof does not cover."""


def production(
    best: Best,
    words: Sequence[str],
    folder: Path,
    *,
    force: bool = False,
    environments: Sequence[Path] = (),
    writes: Mapping[str, Any] | None = None,
) -> Production:
    """The command `words`, typed in `folder`, with the settings of `best`; `environments` are those with another NEURON
    that the user trusts; `writes` is what of the run every rank is to write: fields of its Job.

    Raises UsageError for a command that cannot be started, for settings that no study could have found, and, without
    `force`, for a command to which the proof does not apply; MpiError and BuildFailed.
    """
    changes = changes_in(best)
    command, environment, mpi = _prepared(words, folder)
    neuron = _neuron_of(command, environment) if best.changes else None
    refused = [*_refused(best, command, neuron)] if best.changes else []
    if refused and not force:
        raise UsageError(f"not what was tuned: {'; '.join(refused)}", cure=FORCE)
    warnings = (
        *refused,
        *(_warned(best, command, neuron) if best.changes else (NOTHING,)),
    )
    if not best.changes and not writes:
        return Production(tuple(command.render()), environment, command.cwd, warnings)
    facts = facts_here(best, command, environment, mpi, environments)
    return _started(best, changes, command, environment, warnings, writes or {}, facts)


def _started(
    best: Best,
    changes: Changes,
    command: Command,
    environment: dict[str, str],
    warnings: tuple[str, ...],
    writes: Mapping[str, Any],
    facts: LaunchFacts,
) -> Production:
    """The command with the agent inside, which sets `changes`."""
    if best.changes and command.tunable_ranks and ranks_of(changes) is None:
        # As many as it was proved on, not as there are cores here.
        changes = changes_of({RANKS: best.environment.ranks, **changes})
    place = _staged(to_json(Job(folder="", settings=changes, apply_only=True, **writes)))
    manner = Manner(builder=Builder(facts, environment))
    runner = FreshRunner(command, environment, place, place, manner=manner)
    start = runner.start_with(changes, place / "job.json")
    return Production((*start.launcher, *start.program), dict(start.environment), command.cwd, warnings)


def plain(
    best: Best, words: Sequence[str], folder: Path, warning: str, *, writes: Mapping[str, Any] | None = None
) -> Production:
    """The command with the user's own settings, and why."""
    unchanged = best.model_copy(update={"changes": {}})
    ready = production(unchanged, words, folder, writes=writes)
    return replace(ready, warnings=(f"run with your own settings: {warning}",))


def verified(best: Best, words: Sequence[str], folder: Path, environments: Sequence[Path] = ()) -> tuple[bool, str]:
    """Whether a run of the command with these settings makes the spikes of a run with the user's own, and in words. As
    trials do, neither run writes into the user's folder.

    Raises as production, and RunFailed.
    """
    changes = changes_in(best)
    command, environment, mpi = _prepared(words, folder)
    facts = facts_here(best, command, environment, mpi, environments)
    with TemporaryDirectory(prefix="autotune-verify-") as name:
        agent = Path(name, "agent")
        stage_agent(agent)
        manner = Manner(builder=Builder(facts, environment))
        files = choose(
            Path(name, "files"),
            command.cwd,
            environment,
            ours=(Path(name),),
            launcher=command.launcher[0] if command.launcher else "",
            allowed=KEPT_BY,
        )
        runner = FreshRunner(command, environment, agent, Path(name, "scratch"), files=files, manner=manner)
        own = runner.run(Ask(LONGEST_S))
        tuned = runner.run(Ask(LONGEST_S, changes=changes))
    found = match(own.raster, tuned.raster, WINDOW_MS)
    same = not found.missed and not found.extra
    parts = (
        f"shifted by at most {found.max_abs_ms:.3g} ms"
        if same and found.matched
        else f"{found.missed:,} missed and {found.extra:,} extra"
    )
    says = "identical" if own.raster == tuned.raster else "equivalent" if same else "different"
    spikes = f"{found.matched:,} of {counted(len(own.raster), 'spike')} matched within {WINDOW_MS:g} ms, {parts}"
    return same, f"{says}: {spikes}; {_times(own, tuned)}"


def _times(own: Run, tuned: Run) -> str:
    return f"run section {own.run_s:.3g} s and {tuned.run_s:.3g} s, once each: no proof of a time"


def _prepared(words: Sequence[str], folder: Path) -> tuple[Command, dict[str, str], Mpi | None]:
    command = parse_command(words, folder)
    environment = launch_environment(command, os.environ)
    check_programs(command, environment)
    check_way_in(command, environment)
    mpi = find_mpi(command, environment)
    return command, environment | mpi_environment(mpi, environment), mpi


def _refused(best: Best, command: Command, neuron: str | None) -> Iterator[str]:
    """Why the proof is void for this command."""
    files = identify_model(command).files
    # A file that is not seen from here must be as it was where it was.
    moved = {name: digest_of(Path(best.model.folder, name)) for name in best.model.files.keys() - files.keys()}
    changed = sorted(name for name, digest in best.model.files.items() if {**files, **moved}[name] != digest)
    script = command.script()
    if script is not None and digest_of(script) not in best.model.files.values() and not changed:
        yield f"{script.name} is another model than was tuned"
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        yield f"{changed[0]}{more} changed since"
    checked = _checked(best, command)
    if checked is not None and not checked.accepted:
        yield f"its spikes are not the same on these arguments: {checked.says}"
    if neuron is not None and neuron != best.environment.neuron:
        yield f"it was tuned with {best.environment.neuron}, this is {neuron}"
    tuned = ranks_of(best.changes)
    if tuned is not None and not command.tunable_ranks and command.ranks != tuned:
        yield f"{tuned} ranks were found best, the command starts {command.ranks}: write {{ranks}} in its place"
    safety = best.evidence.raster.safety_class if best.evidence.raster else EXACT
    own = best.environment.ranks
    if tuned is None and not command.tunable_ranks and command.ranks != own and safety != EXACT:
        yield f"it was proved on {own} ranks, and its settings change round-off; the command starts {command.ranks}"


def _checked(best: Best, command: Command) -> Checked | None:
    """What is known of these settings on this very command, if it is not the one of the study."""
    return next((each for each in best.evidence.elsewhere if is_typed(command.argv, each.command)), None)


def _neuron_of(command: Command, environment: Mapping[str, str]) -> str | None:
    """The version of NEURON that the command runs; None where its interpreter is not found, or does not say."""
    interpreter = interpreter_of(command, environment)
    said = ask(interpreter, environment, command.program_cwd) if interpreter else {}
    return said.get("neuron") or None


def _warned(best: Best, command: Command, neuron: str | None) -> Iterator[str]:
    """What the proof leaves open for this command."""
    if not is_typed(command.argv, best.model.command) and _checked(best, command) is None:
        yield "proved on other arguments; --verify compares once with your own settings"
    if neuron is None:
        yield f"this NEURON does not say its version: it was tuned with {best.environment.neuron}"
    if str(command.cwd) != best.model.folder:
        yield f"proved in {best.model.folder}"
    if cpu_name() != best.environment.cpu:
        yield f"time unproved here: it was measured on {best.environment.cpu}"


def _staged(job: str) -> Path:
    """A folder with the agent and this job, kept in the cache: the run may live longer than whoever started it."""
    source = Path(autotune.agent.__file__).parent
    stamp = hashlib.sha256(job.encode())
    for file in sorted(source.rglob("*.py")):
        stamp.update(file.read_bytes())
    place = cache_folder() / "applied" / stamp.hexdigest()[:16]
    if not (place / "job.json").is_file():
        own = place.with_name(f"{place.name}.{os.getpid()}")
        own.mkdir(parents=True)
        stage_agent(own)
        write_text(own / "job.json", job)
        try:
            own.rename(place)
        except OSError:  # another one was faster
            shutil.rmtree(own, ignore_errors=True)
    return place
