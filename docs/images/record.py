"""Records a run of a command in a terminal, as it stands on the screen when the command has ended: an SVG and its text.

    python docs/images/record.py docs/images/demo make demo

writes docs/images/demo.svg and docs/images/demo.txt, and fills the text into the pages that quote it. It needs a POSIX
system (pseudo-terminals) and rich. Progress views are redrawn in place: only their last state is kept, as on a real
screen. The SVG names no font of the web.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[2]
QUOTING = (ROOT / "README.md", ROOT / "docs" / "tutorial" / "first-study.md")
QUOTE = re.compile(r'(<!-- demo(?:: from "(.+?)" to "(.+?)")? -->\n```text\n).*?(```)', re.DOTALL)
COLUMNS, ROWS = 112, 50
CONTROL = re.compile(r"(\r|\n|\x1b\[[0-9;?]*[A-Za-z])")
LARGEST_SVG = 150_000


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
    """The lines as an SVG and as plain text."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text.from_ansi(line), highlight=False, no_wrap=True)
    svg = console.export_svg(title=title, theme=MONOKAI, clear=False)
    svg = re.sub(r"@font-face\s*{.*?}\s*", "", svg, flags=re.DOTALL)  # they would be fetched from the web
    plain = "\n".join(line.rstrip() for line in console.export_text().splitlines())
    return svg, plain.strip("\n") + "\n"


def with_quotes(page: str, text: str) -> str:
    """A page whose quotes, all of the text or the lines from one to before another, are those of `text`."""

    def quote(found: re.Match[str]) -> str:
        begin, first, last, end = found.groups()
        start = text.index(f"\n{first}") + 1 if first and not text.startswith(first) else 0
        stop = text.index(f"\n{last}", start) + 1 if last else len(text)
        return begin + text[start:stop].rstrip("\n") + "\n" + end

    return QUOTE.sub(quote, page)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says that the other end is closed in this way
        return b""


def main() -> int:
    """Record, and write both files when the command has succeeded."""
    target, argv = Path(sys.argv[1]), sys.argv[2:]
    code, written = run_in_terminal(argv)
    if code == 0:
        shown = [line for line in screen(written) if "python -m autotune run" not in line]  # make's echo, a full path
        svg, text = draw(shown, "$ " + " ".join(argv))
        assert len(svg) < LARGEST_SVG, f"{len(svg)} bytes are too many for a README"
        target.with_suffix(".svg").write_text(svg)
        target.with_suffix(".txt").write_text(text)
        for page in QUOTING:
            page.write_text(with_quotes(page.read_text(), text))
    return code


if __name__ == "__main__":
    sys.exit(main())
