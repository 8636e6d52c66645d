"""The planted cases: changes to three networks whose right verdict is known beforehand.

`python tests/verify/planted.py` prints the table of docs/explanation/same-spikes.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autotune.agent.knobs import EXACT, NUMERICAL, ROUND_OFF
from autotune.launch.ask import Run
from autotune.raster import Raster

Make = Callable[[Any], "Run | Raster"]
ACCEPT, REJECT = True, False

# What a reason must say, where several cases share it.
NO_EXACT = "a knob of class exact must not move a spike"
NO_ROUND_OFF = "a knob of class round-off must not move a spike"
BEYOND = "extra beyond 1 ms"
WORST_CELL = "ms in the worst cell"
LEAVES = "leaves the finest run"
CELLS = "rates cell by cell is"


@dataclass(frozen=True)
class Case:
    """A change to a network; `why` is a part of the reason that a rejected one must be given."""

    network: str
    change: str
    safety: str
    accept: bool
    make: Make
    why: str = ""

    @property
    def name(self) -> str:
        return f"{self.network}: {self.change} ({self.safety})"


def altered(gids: Callable[..., Any] | None = None, times: Callable[..., Any] | None = None) -> Make:
    """The baseline's raster with gids or times changed; each function is given (gids, times)."""

    def make(bench: Any) -> Raster:
        g, t = bench.baseline.gids, bench.baseline.times_ms
        return Raster.from_arrays(gids(g, t) if gids else g, times(g, t) if times else t)

    return make


def kept(mask: Callable[..., Any]) -> Make:
    """The baseline's spikes for which `mask(gids, times)` holds."""

    def make(bench: Any) -> Raster:
        g, t = bench.baseline.gids, bench.baseline.times_ms
        wanted = mask(g, t)
        return Raster.from_arrays(g[wanted], t[wanted])

    return make


def knobs(**settings: Any) -> Make:
    return lambda bench: bench.run(**settings)


def model(*arguments: str, change: tuple[str, str] = ("", "")) -> Make:
    return lambda bench: bench.other(*arguments, change=change)


def one(t: Any, shift: float) -> Any:
    """Shift the spike in the middle."""
    moved = t.copy()
    moved[len(t) // 2] += shift
    return moved


def swapped(g: Any, a: int, b: int) -> Any:
    return np.where(g == a, b, np.where(g == b, a, g))


def shuffled_times(g: Any, t: Any) -> Any:
    return np.sort(np.random.default_rng(1).uniform(0, t[-1], len(t)))


def jitter(t: Any, ms: float) -> Any:
    return np.maximum(0, t + np.random.default_rng(2).uniform(-ms, ms, len(t)))


def parted_after(ms: float) -> Make:
    """The baseline until `ms`, then another realisation of the same network: what round-off does to a chaotic one."""

    def make(bench: Any) -> Raster:
        early, late = bench.baseline.window(-np.inf, ms), bench.references.null[0].window(ms, np.inf)
        return Raster.from_arrays(np.append(early.gids, late.gids), np.append(early.times_ms, late.times_ms))

    return make


CASES = [
    # A regular network: every spike can be compared.
    Case("ring", "nothing changed", EXACT, ACCEPT, knobs()),
    Case("ring", "bin queue, delays on the grid", EXACT, ACCEPT, knobs(bin_queue=True)),
    Case("ring", "self queue", EXACT, ACCEPT, knobs(self_queue=True)),
    Case("ring", "nothing changed", ROUND_OFF, ACCEPT, knobs()),
    Case("ring", "dt doubled", NUMERICAL, ACCEPT, knobs(dt=0.05)),
    Case("ring", "one spike moved by one dt", NUMERICAL, ACCEPT, altered(times=lambda g, t: one(t, 0.025))),
    Case("ring", "all spikes moved by two dt", NUMERICAL, ACCEPT, altered(times=lambda g, t: t + 0.05)),
    Case("ring", "early, so that more spikes come before the end", NUMERICAL, ACCEPT, lambda b: early(b, 0.04)),
    Case("ring", "a last spike beyond the end", NUMERICAL, ACCEPT, kept(lambda g, t: t < t[-1])),
    Case(
        "ring",
        "strangers in the last window",
        NUMERICAL,
        REJECT,
        lambda b: joined(b.baseline, Raster.from_arrays([100, 101], [59.5, 59.6])),
        "0 spikes missed and 2 extra",
    ),
    Case("ring", "one spike moved by one dt", EXACT, REJECT, altered(times=lambda g, t: one(t, 0.025)), NO_EXACT),
    Case(
        "ring", "one spike moved by one dt", ROUND_OFF, REJECT, altered(times=lambda g, t: one(t, 0.025)), NO_ROUND_OFF
    ),
    Case("ring", "one spike dropped", EXACT, REJECT, kept(lambda g, t: np.arange(len(t)) != len(t) // 2), NO_EXACT),
    Case(
        "ring",
        "one spike dropped",
        NUMERICAL,
        REJECT,
        kept(lambda g, t: np.arange(len(t)) != len(t) // 2),
        "1 spike missed and 0 extra",
    ),
    Case(
        "ring",
        "one spike twice",
        NUMERICAL,
        REJECT,
        lambda b: Raster.from_arrays(
            np.append(b.baseline.gids, b.baseline.gids[5]), np.append(b.baseline.times_ms, b.baseline.times_ms[5])
        ),
        "0 spikes missed and 1 extra",
    ),
    Case("ring", "two gids swapped", EXACT, REJECT, altered(gids=lambda g, t: swapped(g, 0, 3)), NO_EXACT),
    Case(
        "ring",
        "two gids swapped",
        NUMERICAL,
        REJECT,
        altered(gids=lambda g, t: swapped(g, 0, 3)),
        "6 spikes missed and 6 extra",
    ),
    Case("ring", "all spikes late by 2 ms", NUMERICAL, REJECT, altered(times=lambda g, t: t + 2), BEYOND),
    Case(
        "ring",
        "one spike late by 1.5 ms",
        NUMERICAL,
        REJECT,
        altered(times=lambda g, t: one(t, 1.5)),
        "1 spike missed and 1 extra",
    ),
    Case("ring", "dt four times as large", NUMERICAL, REJECT, knobs(dt=0.1), BEYOND),
    Case("ring", "dt ten times as large", NUMERICAL, REJECT, knobs(dt=0.25), BEYOND),
    Case("ring", "silent", NUMERICAL, REJECT, kept(lambda g, t: t < 0), "no spikes at all"),
    Case("ring", "half of the cells missing", NUMERICAL, REJECT, kept(lambda g, t: g < 8), "fall silent"),
    Case(
        "ring",
        "a weight lowered by a quarter",
        NUMERICAL,
        REJECT,
        model(
            change=("connection.weight[0], connection.delay = 0.02,", "connection.weight[0], connection.delay = 0.015,")
        ),
        BEYOND,
    ),
    Case("ring", "every delay longer by 0.2 ms", NUMERICAL, REJECT, model("--delay", "2.2"), BEYOND),
    # A chaotic network: after a while only statistics can be compared.
    Case("balanced", "nothing changed", EXACT, ACCEPT, knobs()),
    Case("balanced", "bin queue, delays on the grid", EXACT, ACCEPT, knobs(bin_queue=True)),
    Case("balanced", "dt by a quarter larger", NUMERICAL, ACCEPT, knobs(dt=0.0625)),
    Case("balanced", "dt doubled", NUMERICAL, ACCEPT, knobs(dt=0.1)),
    Case("balanced", "dt halved", NUMERICAL, ACCEPT, knobs(dt=0.025)),
    Case("balanced", "started 0.1 mV away", NUMERICAL, ACCEPT, lambda b: b.perturbed(0.1, 99)),
    Case("balanced", "one spike moved by one dt", EXACT, REJECT, altered(times=lambda g, t: one(t, 0.05)), NO_EXACT),
    Case("balanced", "started 0.1 mV away", EXACT, REJECT, lambda b: b.references.null[0], NO_EXACT),
    Case("balanced", "parted from the baseline at 20 ms", ROUND_OFF, REJECT, parted_after(20), NO_ROUND_OFF),
    Case("balanced", "wrong seed", ROUND_OFF, REJECT, model("--seed", "2"), NO_ROUND_OFF),
    Case("balanced", "wrong seed", NUMERICAL, REJECT, model("--seed", "2"), "leaves the finest run"),
    Case(
        "balanced", "wrong seed after 50 ms", NUMERICAL, REJECT, lambda b: late(b, b.other("--seed", "2"), 50.0), CELLS
    ),
    Case("balanced", "dt ten times as large", NUMERICAL, REJECT, knobs(dt=0.5), LEAVES),
    Case("balanced", "excitation halved", NUMERICAL, REJECT, model("--excitation", "0.002"), "the rate (Hz) is"),
    Case("balanced", "no inhibition", NUMERICAL, REJECT, model("--inhibition", "0"), CELLS),
    Case("balanced", "inhibitory cells missing", NUMERICAL, REJECT, kept(lambda g, t: g < 320), LEAVES),
    Case("balanced", "silent after half of the run", NUMERICAL, REJECT, kept(lambda g, t: t < 200), CELLS),
    Case("balanced", "silent", NUMERICAL, REJECT, kept(lambda g, t: t < 0), "no spikes at all"),
    Case(
        "balanced",
        "a tenth of the spikes lost after 50 ms",
        NUMERICAL,
        REJECT,
        kept(lambda g, t: (t < 50) | (np.arange(len(t)) % 10 > 0)),
        "the rate (Hz) is",
    ),
    Case(
        "balanced",
        "gids shuffled after 50 ms",
        NUMERICAL,
        REJECT,
        altered(gids=lambda g, t: np.where(t < 50, g, (g * 37 + 11) % 400)),
        CELLS,
    ),
    Case(
        "balanced",
        "spikes anywhere after 50 ms",
        NUMERICAL,
        REJECT,
        altered(times=lambda g, t: np.where(t < 50, t, 50 + shuffled_times(g, t) * 350 / 400)),
        "the rate in time 1/8",
    ),
    # Artificial cells, which fire between steps, with delays off the grid.
    Case("artificial", "nothing changed", EXACT, ACCEPT, knobs()),
    Case("artificial", "self queue", EXACT, ACCEPT, knobs(self_queue=True)),
    Case("artificial", "dt doubled", NUMERICAL, ACCEPT, knobs(dt=0.05)),
    Case("artificial", "bin queue: spikes move by some 0.01 ms", NUMERICAL, ACCEPT, knobs(bin_queue=True)),
    Case("artificial", "bin queue off the grid", EXACT, REJECT, knobs(bin_queue=True), NO_EXACT),
    Case("artificial", "bin queue off the grid", ROUND_OFF, REJECT, knobs(bin_queue=True), NO_ROUND_OFF),
    Case("artificial", "bin queue with bins of 1 ms", NUMERICAL, REJECT, knobs(bin_queue=True, dt=1.0), WORST_CELL),
    Case(
        "artificial", "times on a grid of 1 ms", NUMERICAL, REJECT, altered(times=lambda g, t: np.ceil(t)), WORST_CELL
    ),
    Case(
        "artificial",
        "spikes jittered by 0.5 ms",
        NUMERICAL,
        REJECT,
        altered(times=lambda g, t: jitter(t, 0.5)),
        WORST_CELL,
    ),
    Case("artificial", "wrong seed", NUMERICAL, REJECT, model(change=("(gid, 1, 1)", "(gid, 1, 2)")), BEYOND),
    Case(
        "artificial",
        "connections without weight",
        NUMERICAL,
        REJECT,
        model(change=("connection.weight[0], connection.delay = 0.02,", "connection.weight[0], connection.delay = 0,")),
        BEYOND,
    ),
    # A cell that is clamped to steps of voltage.
    Case("ringing", "nothing changed", NUMERICAL, ACCEPT, knobs()),
    Case(
        "ringing", "Crank-Nicolson at four times the dt", NUMERICAL, REJECT, knobs(secondorder=2, dt=0.1), "alternates"
    ),
]


def late(bench: Any, other: Raster, ms: float) -> Raster:
    """The baseline until `ms`, another raster from there on."""
    return joined(bench.baseline.window(-np.inf, ms), other.window(ms, np.inf))


def joined(*parts: Raster) -> Raster:
    return Raster.from_arrays(*(np.concatenate([getattr(p, n) for p in parts]) for n in ("gids", "times_ms")))


def early(bench: Any, ms: float) -> Raster:
    """Every spike comes `ms` early, and a cell's that would have come right after the end is there too."""
    moved = Raster.from_arrays(bench.baseline.gids, bench.baseline.times_ms - ms)
    return joined(moved, Raster.from_arrays([50], [bench.observation.facts.t_stop_ms - ms / 2]))


def table() -> str:
    """The cases as Markdown."""
    rows = [f"| {c.network} | {c.change} | {c.safety} | {'accepted' if c.accept else 'rejected'} |" for c in CASES]
    return "\n".join(["| network | change | class | verdict |", "|---|---|---|---|", *rows])


if __name__ == "__main__":
    print(table())
