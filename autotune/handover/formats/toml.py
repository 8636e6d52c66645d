"""The settings as tables of TOML, for a script of your own: what is set, what you have, and how much faster it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from autotune.handover.answer import Answer
from autotune.handover.told import told
from autotune.report.format import format_value

FILE = "best.toml"


def text(answer: Answer) -> str:
    """Tables `changes`, `settings`, `own` and `speedup`; TOML has no null, so what is left as it is stands in a
    comment.
    """
    best = answer.best
    tables = {
        "changes": answer.tuned.changes,
        "settings": best.settings,
        "own": best.baseline_settings,
        "speedup": best.speedup.model_dump(),
    }
    lines = [f"# {line}".rstrip() for line in told(answer)]
    lines += ["", f"verdict = {json.dumps(best.verdict)}"]
    for name, values in tables.items():
        lines += ["", f"[{name}]", *_pairs(values)]
    return "\n".join(lines) + "\n"


def _pairs(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield f"# {name}: {format_value(value)}" if value is None else f"{name} = {json.dumps(value)}"
