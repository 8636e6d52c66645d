"""The plan of a search, for people and for programs: which knobs are in, over which values, and why the others are
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from autotune.plan.space import SearchSpace
from autotune.report.format import format_value


def plan_json(space: SearchSpace, notes: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The plan as JSON types; `bound` is the largest speed-up that the knob can bring, null when unknown; `classes` are
    those of the single values, and `values` of a knob that is out are those that are out alone.
    """
    searched = [
        {
            "knob": name,
            "class": domain.safety,
            "domain": list(domain.values),
            "classes": [domain.safety_of(value) for value in domain.values],
            "bound": space.bound(name),
        }
        for name, domain in space.domains.items()
    ]
    out = [{"knob": left.knob, "reason": left.reason, "values": list(left.values)} for left in space.out]
    return {"in": searched, "out": out, "notes": list(notes)}


def plan_table(space: SearchSpace, notes: Sequence[str] = ()) -> Group:
    """The plan as two tables, and below them what the watched run tells."""
    searched = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("searched", "class", "values", "at most"):
        searched.add_column(column)
    for name, domain in space.domains.items():
        bound = space.bound(name)
        speedup = f"{bound:.2f} times as fast" if bound is not None else ""
        for safety in domain.every_class:
            values = ", ".join(format_value(value) for value in domain.values if domain.safety_of(value) == safety)
            searched.add_row(name, safety, escape(values), speedup)
            name, speedup = "", ""
    left_out = Table(box=None, pad_edge=False, header_style="bold")
    left_out.add_column("not searched")
    left_out.add_column("why")
    for left in space.out:
        over = f"over {', '.join(map(format_value, left.values))}: " if left.values else ""
        left_out.add_row(left.knob, escape(over + left.reason), style="dim")
    told = [Text(f"note: {note}", style="yellow") for note in notes]
    return Group(searched, "", left_out, *([""] if told else []), *told)
