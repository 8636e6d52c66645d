"""Lines for a job script: shims before the PATH that run the proved command with its settings, and no other.

As Intel MPI's tuning file does for its library: the job script stays as it is. Only the program that the proved command
begins with gets a shim, which compares every word. What a shim cannot apply is printed as comments.
"""

from __future__ import annotations

import hashlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from autotune.agent.driver.ask import home_of, ranks_of
from autotune.best import Best
from autotune.handover.applicable import changes_in
from autotune.handover.typed import program_of, shell_test
from autotune.launch.build import cache_folder
from autotune.report.format import format_changes
from autotune.store.output import write_output

SHIM = """#!/bin/sh
{about}
here={here}
rest=
IFS=:
for folder in $PATH; do
    [ "$folder" = "$here" ] || rest="${{rest:+$rest:}}$folder"
done
unset IFS
PATH=$rest
export PATH
if [ "$(pwd -P)" = {folder} ] && {{ {proved}; }}; then
    exec {python} -m autotune exec --else-plain {best} -- {program} "$@"
fi
exec {program} "$@"
"""


def shell_lines(best: Best, file: Path) -> Iterator[str]:
    """What a job script evaluates, in bash or dash; `file` is the answer itself, absolute."""
    changes = changes_in(best)
    words = best.model.command
    typed = shlex.join(words)
    if not best.changes:
        yield _comment("The study proved no improvement: nothing is changed.")
        return
    yield _comment(typed)
    for checked in best.evidence.elsewhere:
        if checked.accepted:
            yield _comment(shlex.join(checked.command))
    yield _comment(f"runs with {format_changes(best.changes)}")
    if not words or "/" in words[0] or words[0] in ("", ".", ".."):
        yield _comment(f"not applied: {''.join(words[:1])} is not looked up on PATH. Write in its place:")
        yield _comment(f"  {shlex.join([sys.executable, '-m', 'autotune', 'exec', str(file), '--'])} {typed}")
        return
    home = home_of(changes)
    if home:
        yield _comment(f"not applied: it runs the NEURON of {home}. If that is yours, write in its place:")
        applied = [sys.executable, "-m", "autotune", "exec", "--env", home, str(file), "--"]
        yield _comment(f"  {shlex.join(applied)} {typed}")
        return
    ranks = ranks_of(changes)
    if ranks is not None:
        yield _comment(f"not applied: {ranks} ranks were best. Write that number into your command yourself:")
        yield _comment(f"  {typed.replace('{ranks}', str(ranks))}")
    place = cache_folder() / "shims" / hashlib.sha256(f"{file}\n{best.model_dump_json()}".encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    shim = place / program_of(words)
    write_output(shim, _shim(best, file, place))
    shim.chmod(0o755)
    yield f"PATH={shlex.quote(str(place))}:$PATH"
    yield "export PATH"


def _comment(text: str) -> str:
    """Lines that no shell runs, whatever a word of the command holds."""
    return "\n".join(f"# {line}" for line in text.splitlines())


def _shim(best: Best, file: Path, place: Path) -> str:
    words, program = best.model.command, program_of(best.model.command)
    checked = (
        each.command for each in best.evidence.elsewhere if each.accepted and program_of(each.command) == program
    )
    return SHIM.format(
        program=shlex.quote(program),
        about=_comment(
            f"Runs {program} as typed, and what was proved with settings of a study: {format_changes(best.changes)}"
        ),
        here=shlex.quote(str(place)),
        folder=shlex.quote(str(Path(best.model.folder).resolve())),
        proved=" || ".join(map(_typed, (words, *checked))),
        python=shlex.quote(sys.executable),
        best=shlex.quote(str(file)),
    )


def _typed(words: Sequence[str]) -> str:
    """That this very command was typed."""
    tests = "".join(f" && {shell_test(number, word)}" for number, word in enumerate(words[1:], 1))
    return f'{{ [ "$#" = {len(words) - 1} ]{tests}; }}'
