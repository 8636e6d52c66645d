"""Every message that a user may be told, as it stands in the code: `python docs/messages.py` prints them to be read.

What happened comes first, then what to do. A class of exceptions that is no AutotuneError never reaches a user: it is
caught and told as a reason, or raised again as one of ours.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1] / "autotune"
INNER = {
    "JournalLost": "told as a storage that failed (storage_errors_told)",
    "NotUnderstood": "why a file is compared as bytes only",
    "NoPair": "a start of the confirmation that gives none",
    "SessionBroken": "the run is made in a fresh process",
    "TracesError": "why traces are not compared",
    "WroteElsewhere": "becomes a failed run",
    "_LeftOut": "why a knob is not searched",
    "_NotBuilt": "why the library is not used",
}
"""Exceptions that are caught before anybody sees them, and what becomes of each."""
HELPERS = {"_usage": 0, "failed": 0}
"""Functions that make an error of a message and a cure, and where the message stands among their arguments."""


@dataclass(frozen=True)
class Message:
    """One place where an error is made."""

    file: str
    line: int
    kind: str
    says: str
    cure: str
    """Empty where nothing says what to do."""


def kinds() -> dict[str, list[str]]:
    """Every class of exceptions in the package with its bases' names."""
    found = {}
    for _, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name] = [ast.unparse(base) for base in node.bases]
    known = {"Exception", "BaseException", "ValueError", "OSError", "RuntimeError"}
    while more := {name for name, bases in found.items() if name not in known and known & {*bases}}:
        known |= more
    return {name: bases for name, bases in found.items() if name in known}


def told() -> set[str]:
    """Those that a user may be told: all that come from AutotuneError."""
    bases, found = kinds(), {"AutotuneError"}
    while more := {name for name in bases if name not in found and found & {*bases[name]}}:
        found |= more
    return found


def messages() -> Iterator[Message]:
    """All places where one of them is made."""
    ours = told()
    for file, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                kind = ast.unparse(node.func).rpartition(".")[2]
                if kind in ours or kind in HELPERS:
                    yield _message(file, kind, node)


def _message(file: Path, kind: str, call: ast.Call) -> Message:
    words = [ast.unparse(argument) for argument in call.args]
    named = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    if kind == "RunFailed":  # the kind of failure comes first
        words = words[1:]
    cure = named.get("cure") or (words[1] if len(words) > 1 else "")
    return Message(str(file.relative_to(ROOT)), call.lineno, kind, words[0] if words else "", cure)


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(ROOT.rglob("*.py")):
        yield file, ast.parse(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for each in messages():
        print(f"{each.file}:{each.line} {each.kind}\n    {each.says}\n    {each.cure or '(nothing says what to do)'}")
