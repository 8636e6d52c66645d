"""What a study keeps of recorded traces, one file a rank, as named variables: soma(0.5).v, and beside it its times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autotune.results.formats.arrays import Variable, Variables, held
from autotune.traces.files import SUFFIX, Traces, TracesError

__all__ = ["SUFFIX", "traces"]


@contextmanager
def traces(file: Path) -> Iterator[Variables]:
    """Each trace by its name, `#2` of the second of a name, read when it is compared. Raises ValueError."""
    of = Traces(file.parent, {0: file})
    found: dict[str, Variable] = {}
    try:
        for key in of.keys:
            trace, name = of.read(key), of.name(key)
            number = 1 + sum(other == name or other.startswith(f"{name}#") for other in found)
            name = name if number == 1 else f"{name}#{number}"
            found[name] = held(trace.values)
            if trace.times_ms is not None:
                found[f"t of {name}"] = held(trace.times_ms)
        yield found
    except TracesError as error:
        raise ValueError(str(error)) from error
