"""Models that make panels and wait for somebody to press a button: what the buttons would do, read in their files.

It must never run anything, and says nothing where the files are not understood.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from autotune.launch.words import NRNIV

MOST_FILES = 200
LOADS = re.compile(
    r"""\b(?:load_file|xopen)\s*\(\s*(?:\d\s*,\s*)?["']([^"']+)["']|^\s*(?:from|import)\s+(\w+)""", re.MULTILINE
)
BUTTON = re.compile(r"""\bx(?:state|check)?button\s*\(\s*["']([^"']*)["']\s*(?:,\s*(?:["']([^"']*)["']|([\w.]+)))?""")
MAIN_PANELS = re.compile(r"""\bnrn(?:control|main)menu\s*\(|["']nrngui["']|neuron\s+import\s+.*\bgui\b|neuron\.gui""")
STRINGS_AND_COMMENTS = re.compile(r'"[^"\n]*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
STARTS = re.compile(r"\b(?:run|continuerun|psolve|fadvance|steprun|solve|advance)\s*\(|\brun\w*\s*\(")
DEFINITIONS = re.compile(r"^\s*(?:proc|func|def)\s+\w+\s*\(.*?(?:^\}|\n(?=\S))", re.MULTILINE | re.DOTALL)


def buttons_cure(words: Sequence[str], folder: Path) -> str:
    """How to start the run that a button of this model would start; empty where its files make no panel."""
    texts = list(_texts(words, folder))
    actions = [action or method or label for text in texts for label, action, method in BUTTON.findall(text) if label]
    if not actions and not any(map(MAIN_PANELS.search, texts)):
        return ""
    best = next((action for action in actions if re.search(r"run|start|go|sim", action, re.IGNORECASE)), None)
    action = best or next(iter(actions), "run()")
    action = action if action.endswith(")") else f"{action}()" if re.fullmatch(r"[\w.]+", action) else action
    others = f" (buttons: {', '.join(dict.fromkeys(actions))})" if len(actions) > 1 else ""
    start = next((at for at, word in enumerate(words) if _is_hoc_program(word)), None)
    if start is None:
        return f"Nobody presses a button here: call {action} at the end of the script{others}."
    own = [word for word in words if not word.endswith("pre.hoc")]
    own = own[:-1] if own[-1] == "-" else own  # which only asks for more from the keyboard
    ends = own[-2:] if own[-2:-1] == ["-c"] and "quit" in own[-1] else []
    line = shlex.join([*own[: len(own) - len(ends)], "-c", action, *ends])
    return f"Nobody presses a button here: start the run in the command, {line}{others}."


def only_panels(words: Sequence[str], folder: Path) -> bool:
    """Whether the files of this command make panels and no line of theirs, outside of what a button calls, starts a run
    as far as can be read.
    """
    if any(word == "-c" for word in words):
        return False
    texts = list(_texts(words, folder))
    bare = [DEFINITIONS.sub("", STRINGS_AND_COMMENTS.sub('""', text)) for text in texts]
    panels = any(BUTTON.search(text) or MAIN_PANELS.search(text) for text in texts)
    return panels and not any(map(STARTS.search, bare))


def _is_hoc_program(word: str) -> bool:
    name = Path(word).name
    return name == "special" or bool(NRNIV.fullmatch(name))


def _texts(words: Sequence[str], folder: Path) -> Iterator[str]:
    """The texts of the files that the command names, and of what they load, each once."""
    pending = [word for word in words if word.endswith((".hoc", ".py", ".ses"))]
    seen: set[Path] = set()
    while pending and len(seen) < MOST_FILES:
        path = (folder / pending.pop(0)).resolve()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        text = path.read_text(errors="replace")
        yield text
        for name, module in LOADS.findall(text):
            pending.append(name or str(path.parent / f"{module}.py"))
