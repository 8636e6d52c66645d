"""Records a study as it stands on the screen when the command has ended: a picture, its text and its records.

    python docs/images/record.py runs/ring make demo

writes docs/images/demo.svg, demo.txt and the study's records in demo/, and fills them into the pages that quote them.
It needs a POSIX system (pseudo-terminals) and rich. Progress views are redrawn in place: only their last state is kept,
as on a real screen. The SVG names no font of the web. A study that was made on a restless machine is never recorded,
since nobody learns from it what the tuner can do.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import shutil
import struct
import sys
import termios
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from autotune.calibrate.calibration import Calibration
from autotune.calibrate.noise import NoiseRecord
from autotune.calibrate.price import Prices
from autotune.calibrate.short import ShortRun
from autotune.config import SearchConfig, read_study
from autotune.confirm.confirmation import ConfirmationLog
from autotune.export import make_best
from autotune.handover.answer import read_answer
from autotune.handover.formats import named
from autotune.launch.command import parse_command
from autotune.measure import event_from_dict
from autotune.observe import Observation
from autotune.pipeline import advice_on
from autotune.plan.space import Plan, SearchSpace
from autotune.report.progress import Progress
from autotune.report.studies import show_trial
from autotune.report.terminal import TerminalProgress, trial_view
from autotune.search.stop import Stopped
from autotune.session.record import SessionRecord
from autotune.store.folder import Record, StudyFolder, open_finished

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "docs" / "images" / "demo"
TIPS = ROOT / "docs" / "explanation" / "eleven-tips.md"
QUOTING = (ROOT / "README.md", ROOT / "docs" / "tutorial" / "first-study.md", TIPS)
TRIAL = re.compile(r"(<!-- demo: trial (\d+) -->\n```text\n).*?(```)", re.DOTALL)
QUOTE = re.compile(r'(<!-- demo(?:: from "(.+?)" to "(.+?)")? -->\n```text\n).*?(```)', re.DOTALL)
ANSWER_PAGE = ROOT / "docs" / "reference" / "best.md"
ANSWER = re.compile(r"(<!-- demo: best.json -->\n```json\n).*?(```)", re.DOTALL)
SNIPPET_PAGE = ROOT / "docs" / "how-to" / "hand-over-the-settings.md"
SNIPPET = re.compile(r"(<!-- demo: tuned.py -->\n```python\n).*?(```)", re.DOTALL)
PICTURED = "Searching"  # the picture begins here: more would not fit on a first screen
COLUMNS, ROWS = 112, 50
CONTROL = re.compile(r"(\r|\n|\x1b\[[0-9;?]*[A-Za-z])")
LARGEST_SVG = 150_000
MOST_SPREAD = 0.05


def run_in_terminal(argv: list[str]) -> tuple[int, str]:
    """Run a command in a terminal of its own; its exit code and all that it wrote, also passed on to this terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
        os.execvp(argv[0], argv)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = b""
    while block := _read(terminal):
        written += block
        os.write(sys.stdout.fileno(), block)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written.decode(errors="replace")


def screen(written: str) -> list[str]:
    """The lines that stand at the end, with their colours, of a program that goes up only to erase whole lines."""
    lines, row = [""], 0
    for part in CONTROL.split(written):
        if part == "\n":
            row += 1
            if row == len(lines):
                lines.append("")
        elif part.endswith("A") and part.startswith("\x1b["):
            row = max(0, row - int(part[2:-1] or 1))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part != "\r" and (part.endswith("m") or not part.startswith("\x1b[")):
            lines[row] += part
    return lines


def draw(lines: list[str], title: str) -> tuple[str, str]:
    """The lines as plain text, and from PICTURED on as an SVG."""
    text = "\n".join(Text.from_ansi(line).plain.rstrip() for line in lines).strip("\n") + "\n"
    first = next((at for at, line in enumerate(lines) if PICTURED in line), 0)
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines[first:]:
        console.print(Text.from_ansi(line), highlight=False, no_wrap=True)
    svg = console.export_svg(title=title, theme=MONOKAI)
    return re.sub(r"@font-face\s*{.*?}\s*", "", svg, flags=re.DOTALL), text  # they would be fetched from the web


def with_quotes(page: str, text: str) -> str:
    """A page whose quotes, all of the text or the lines from one to before another, are those of `text`; the frame
    around them is left away where it would be cut open.
    """

    def quote(found: re.Match[str]) -> str:
        begin, first, last, end = found.groups()
        start = text.index(f"\n{first}") + 1 if first and not text.startswith(first) else 0
        stop = text.index(f"\n{last}", start) + 1 if last else len(text)
        lines = text[start:stop].rstrip("\n").splitlines()
        if all(line.startswith("│") for line in lines):
            lines = [line.strip("│ ") for line in lines]
        return begin + "\n".join(lines) + "\n" + end

    return QUOTE.sub(quote, page)


def with_answer(page: str, records: Path) -> str:
    """A page whose example of best.json is the answer of these records."""
    best = make_best(*open_finished(records)).model_dump(mode="json")
    # The day of the study, so that the page is the same on every day on which it is made again.
    best["created"] = json.loads((records / "study.json").read_text(encoding="utf-8"))["created"]
    text = _anonymous(json.dumps(best, indent=2, ensure_ascii=False), best)
    return ANSWER.sub(lambda found: found[1] + text + "\n" + found[2], page)


def with_snippet(page: str, records: Path) -> str:
    """A page whose code to paste is that of the answer of these records."""
    code = named("python").text(read_answer(*open_finished(records)))
    return SNIPPET.sub(lambda found: found[1] + code + found[2], page)


def with_trials(page: str, records: Path) -> str:
    """A page whose views of single trials are those of these records."""

    def view(found: re.Match[str]) -> str:
        console = Console(width=COLUMNS, file=io.StringIO())
        with console.capture() as captured:
            console.print(trial_view(show_trial(StudyFolder(records), int(found[2]))))
        lines = captured.get().splitlines()
        return found[1] + "\n".join(line.rstrip() for line in lines) + "\n" + found[3]

    return TRIAL.sub(view, page)


def objection(folder: Path) -> str:
    """Why this study is not worth recording; an empty string when it is."""
    noise = StudyFolder(folder).read(NoiseRecord)
    if noise is None:
        return f"{folder}: no noise.json: nobody knows how quiet the machine was"
    if noise.noise.spread > MOST_SPREAD:
        return (
            f"{folder}: two runs with identical settings differ by {noise.noise.spread:.1%}, more than "
            f"{MOST_SPREAD:.0%}: remove the folder and try again when nothing else runs"
        )
    return ""


def told_again(records: Path) -> list[str]:
    """What the program prints of the study in studies/ that these are the records of, as it stands on the screen."""
    file = io.StringIO()
    console = Console(
        file=file,
        width=COLUMNS,
        height=ROWS,
        force_terminal=True,
        highlight=False,
        _environ={"TERM": "xterm-256color"},
    )
    study = open_finished(records)[1].name
    tell(records, TerminalProgress(console), read_study(ROOT / "studies" / study).search, f"runs/{study}")
    return screen(file.getvalue())


def tell(records: Path, progress: Progress, promised: SearchConfig, shown_as: str) -> None:
    """Tell a report of a finished study everything that was told of it while it was made in one go.

    `promised` says how many trials were to be made, which is no part of the records.
    """
    folder, study = open_finished(records)
    observation, calibration = _record(folder, Observation), _record(folder, Calibration)
    progress.step("observe")
    progress.observed(observation)
    progress.step("plan")
    progress.planned(SearchSpace.of(_record(folder, Plan), observation.facts))
    progress.step("calibrate")
    session = _record(folder, SessionRecord)
    if calibration.runs:  # some of them in a session: it was decided before them
        progress.session(session)
    progress.calibrated(calibration)
    progress.timed(_record(folder, NoiseRecord), _record(folder, ShortRun).note)
    told = folder.read(Prices)
    if told is not None:  # studies from before prices were told
        progress.priced(told)
    progress.step("search")
    progress.searching([], promised)
    if not calibration.runs:
        progress.session(session)
    trials, stopped = folder.trials(), _record(folder, Stopped)
    for trial in trials[: stopped.trials]:
        progress.trial(trial)
    progress.stopped(stopped.reason)
    for simplified in trials[stopped.trials :]:
        progress.trial(simplified)
    progress.step("confirm")
    log = folder.read(ConfirmationLog) or ConfirmationLog()
    chosen = [trial for name in log.finalists for trial in trials if str(trial.number) == name]
    progress.confirming(chosen, log.pairs, 0)
    for event in log.events:
        progress.confirmed(event_from_dict(event))
    progress.finished(make_best(folder, study), Path(shown_as))
    command = parse_command(study.model.command, Path(study.model.folder))
    progress.advised(advice_on(observation, command, calibration))


def keep_records(folder: Path, records: Path) -> None:
    """Copy the records of a study, without its rasters and its storage; no path of this machine stays in them."""
    shutil.rmtree(records, ignore_errors=True)
    best = make_best(*open_finished(folder)).model_dump(mode="json")
    for file in sorted(folder.glob("*.json")) + sorted(folder.glob("trials/*.json")):
        copy = records / file.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_anonymous(file.read_text(encoding="utf-8"), best), encoding="utf-8")


def _anonymous(text: str, best: dict[str, Any]) -> str:
    """The text without the names of this machine and its folders."""
    for own, shown in ((str(ROOT), "/home/you/neuron-autotune"), (best["environment"]["host"], "lab")):
        text = text.replace(own, shown)
    return text


def _record(folder: StudyFolder, kind: type[Record]) -> Record:
    found = folder.read(kind)
    assert found is not None, f"{folder.path}: no {kind.RECORD}.json: the study has not come to its end"
    return found


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says that the other end is closed in this way
        return b""


def main() -> int:
    """Record, and write everything when the command has succeeded and the machine was quiet."""
    study, argv = Path(sys.argv[1]), sys.argv[2:]
    code, written = run_in_terminal(argv)
    if code:
        return code
    problem = objection(study)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    shown = [line for line in screen(written) if "python -m autotune run" not in line]  # make's echo, a full path
    svg, text = draw(shown, "$ " + " ".join(argv))
    assert len(svg) < LARGEST_SVG, f"{len(svg)} bytes are too many for a README"
    DEMO.with_suffix(".svg").write_text(svg)
    DEMO.with_suffix(".txt").write_text(text)
    keep_records(study, DEMO)
    for page in QUOTING:
        page.write_text(with_quotes(page.read_text(), text))
    ANSWER_PAGE.write_text(with_answer(ANSWER_PAGE.read_text(), DEMO))
    TIPS.write_text(with_trials(TIPS.read_text(), DEMO))
    SNIPPET_PAGE.write_text(with_snippet(SNIPPET_PAGE.read_text(), DEMO))
    return 0


if __name__ == "__main__":
    sys.exit(main())
