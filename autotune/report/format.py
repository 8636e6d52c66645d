"""How values, settings, durations, versions and ratios are written for people: here, and nowhere else.

Whatever is printed, by the plan, a live report, the doctor or the reference, reads alike. This module knows nothing of
terminals and imports nothing of ours, so that every floor may use it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "–"
"""Where there is nothing to tell."""
AS_IT_IS = "as it is"
"""The value of a knob that leaves the model alone."""

UNLIKE = "The nodes are unlike: each ratio holds on the nodes on which it was measured."


def format_value(value: Any) -> str:
    """A value of a knob: on, 0.025, -O3, as it is."""
    if value is None or value == "":
        return AS_IT_IS
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def format_settings(settings: Mapping[str, Any]) -> str:
    """Settings in one line: dt=0.05 nspike=2 gid_compress, no step_wait, maxstep as it is."""
    return " ".join(_setting(name, value) for name, value in settings.items())


def format_changes(changes: Mapping[str, Any]) -> str:
    """What a trial changes, in one line; a trial that changes nothing is the baseline."""
    return format_settings(changes) or "baseline"


def format_duration(seconds: float) -> str:
    """For something that takes a while: 12 s, 2 min 5 s, 1 h 40 min."""
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"
    return f"{minutes // 60} h {minutes % 60} min"


def format_version(numbers: Sequence[int]) -> str:
    """9.0.2; unknown where there are no numbers."""
    return ".".join(map(str, numbers)) or "unknown"


def format_ratio(ratio: float | None) -> str:
    """A time ratio to the baseline."""
    return NOTHING if ratio is None else f"{ratio:.3f}"


def format_number(value: object) -> str:
    """A number that was counted or measured: 1,599 or 0.163251."""
    if value is None:
        return NOTHING
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else str(value)


def format_left_out(values: Sequence[Any]) -> str:
    """What is not searched of a knob: all of it, or these values."""
    return f"not searched over {', '.join(map(format_value, values))}" if values else "not searched"


def counted(number: int, thing: str) -> str:
    """1 spike, 2 spikes."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _setting(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    text = format_value(value)
    return f"{name} {text}" if text == AS_IT_IS else f"{name}={text}"
