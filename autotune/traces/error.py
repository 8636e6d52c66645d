"""How far two traces are apart, in numbers that grow smoothly with the step: as a share of the range of the trace that
is taken as right, and in ms.

A spike that comes 0.1 ms later makes tens of millivolts of difference, as much as a spike that is lost. So a trace is
looked at in two ways. Where it is slow, value is compared with value, at the same time: the root mean square and the
largest difference. Where it goes through more than a tenth of its range within a window, as in a spike, a value has
only to lie between the lowest and the highest one of the other within that window, in both directions; and the times at
which it rises through the middle of its range are compared as the spikes of a cell are. A trace whose steps are too
long to show a spike (a report each ms) is compared value by value, but for the tenth that differs most and for those
that are not near the ones around them: what a spike has left there is a matter of a tenth of a ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune.agent.detection import crossings_ms
from autotune.raster import Raster
from autotune.raster.metrics import match
from autotune.traces.files import Floats, Trace

FAST = 0.1  # of the range within a window: there, a value is compared with those around it
FINE = 0.25  # a step longer than this share of a window does not show a spike
MOST_STEEP = 0.5  # of a trace that is steeper from value to value nothing could be said otherwise
IN_SPIKES = 0.1  # a share of the values that may lie in spikes, of a trace that does not show them
NOTHING = 1e-9  # of the largest value: a smaller range is rounding
REGRID = 0.02  # of a window: the steps of CVODE are made even to look at a window


@dataclass(frozen=True)
class Apart:
    """What is between two traces."""

    rms: float = 0.0
    """Root mean square of the differences where the trace is slow, over its range; so is"""
    largest: float = 0.0
    """the largest of them."""
    beyond: float = 0.0
    """The farthest that one goes beyond what the other does within a window, over the range."""
    shift_ms: float = 0.0
    """Mean shift of the rises through the middle of the range, where these are fast; without its sign."""
    lost: int = 0
    """Such rises of either that have no partner within the window."""
    range: float = 1.0
    """What 1 is of these shares, in the unit of the trace."""

    @property
    def share(self) -> float:
        """The largest difference in value, over the range."""
        return max(self.largest, self.beyond)


@dataclass(frozen=True)
class Ruler:
    """Within `window_ms` a rise has its partner; from `start_ms` to `stop_ms` is compared."""

    window_ms: float
    start_ms: float = -np.inf
    stop_ms: float = np.inf


def depends(a: Trace, b: Trace, from_ms: float, share: float) -> bool:
    """Whether a trace changes by more than this share of its range after that time, and otherwise than another one:
    then it says something of what lies between the two runs.
    """
    if a.times_ms is None or b.times_ms is None or not len(a.values) or not len(b.values):
        return False
    late = a.values[a.times_ms >= from_ms]
    span = _range(a.values)
    if not len(late) or span <= 0 or np.ptp(late) <= share * span or not np.isfinite(a.values).all():
        return False
    inside = (a.times_ms >= b.times_ms[0]) & (a.times_ms <= b.times_ms[-1])
    there = np.interp(a.times_ms[inside], b.times_ms, b.values)
    return bool(inside.any() and np.abs(a.values[inside] - there).max() > NOTHING * span)


def apart(run: Trace, right: Trace, ruler: Ruler) -> Apart | None:
    """How far `run` is from what is taken as right; None where they cannot be compared, for want of times or of a
    common part. Values that are not finite are infinitely far from those that are.
    """
    if run.times_ms is None and right.times_ms is None and len(run.values) == len(right.values):
        run, right = _by_place(run), _by_place(right)
        ruler = Ruler(ruler.window_ms)
    a, b = (_part(trace, ruler) for trace in (run, right))
    if a is None or b is None:
        return None
    (at, av), (bt, bv) = a, b
    low, high = max(at[0], bt[0]), min(at[-1], bt[-1])
    if high <= low and not (len(at) == len(bt) == 1):
        return None
    if not (np.isfinite(av).all() and np.isfinite(bv).all()):
        same = np.array_equal(av, bv, equal_nan=True)
        return Apart() if same else Apart(np.inf, np.inf, np.inf)
    span = _range(bv)
    inside = (at >= low) & (at <= high)
    at, av = at[inside], av[inside]
    there = np.interp(at, bt, bv)
    if span <= 0:  # right is flat: beside that, a change of its own size is the unit
        most = float(np.abs(av - there).max(initial=0.0))
        unit = max(float(np.abs(bv).max()), float(np.ptp(av)))
        return Apart() if most <= NOTHING * unit else Apart(most / unit, most / unit, range=unit)
    fine = _is_fine(bt, ruler.window_ms) and _is_fine(at, ruler.window_ms)
    difference = np.abs(av - there) / span
    if fine:
        fast = _fast(at, bt, bv, span, ruler.window_ms)
    else:
        fast = _most_different(difference)
        steep = _fast(at, bt, bv, span, max(ruler.window_ms, _step(bt)))
        fast |= steep & (np.count_nonzero(steep) <= MOST_STEEP * len(steep))
    slow = difference[~fast]
    rms = float(np.sqrt(np.mean(slow**2))) if len(slow) else 0.0
    largest = float(slow.max(initial=0.0))
    if not fine:
        outside = max(0.0, float(bv.min() - av.min()), float(av.max() - bv.max())) / span
        return Apart(rms, largest, outside if outside > FAST else 0.0, range=span)  # a peak may lie between two values
    beyond = max(_beyond(at, av, bt, bv, ruler.window_ms), _beyond(bt, bv, at, av, ruler.window_ms)) / span
    shift, lost = _rises(at, av, bt, bv, fast, ruler)
    return Apart(rms, largest, beyond, shift, lost, span)


def _range(values: Floats) -> float:
    """From the lowest to the highest; 0 where that is rounding."""
    if not len(values):
        return 0.0
    span = float(np.ptp(values))
    return span if span > NOTHING * float(np.abs(values).max()) else 0.0


def _by_place(trace: Trace) -> Trace:
    """The same of a trace whose times are not known: its values count as one a ms, from 0."""
    return Trace(trace.name, trace.kind, trace.values, np.arange(len(trace.values), dtype=np.float64), trace.stop_ms)


def _part(trace: Trace, ruler: Ruler) -> tuple[Floats, Floats] | None:
    if trace.times_ms is None or not len(trace.values):
        return None
    inside = (trace.times_ms >= ruler.start_ms) & (trace.times_ms <= ruler.stop_ms)
    return (trace.times_ms[inside], trace.values[inside]) if inside.any() else None


def _step(times: Floats) -> float:
    return float((times[-1] - times[0]) / (len(times) - 1)) if len(times) > 1 else 0.0


def _is_fine(times: Floats, window_ms: float) -> bool:
    return 0 < _step(times) <= FINE * window_ms


def _even(times: Floats, values: Floats, window_ms: float) -> tuple[Floats, Floats]:
    """The same at even times; those of a fixed step are."""
    steps = np.diff(times)
    if len(steps) and steps.min() > 0 and steps.max() - steps.min() < 1e-6 * steps.mean():
        return times, values
    size = int((times[-1] - times[0]) / (REGRID * window_ms)) + 2
    even = np.linspace(times[0], times[-1], size)
    return even, np.interp(even, times, values)


def _around(times: Floats, values: Floats, window_ms: float) -> tuple[Floats, Floats, Floats]:
    """Even times, and the lowest and highest value within a window to either side of each."""
    even, evenly = _even(times, values, window_ms)
    step = (even[-1] - even[0]) / max(len(even) - 1, 1)
    size = 2 * (int(np.ceil(window_ms / step)) if step > 0 else 0) + 1
    from scipy.ndimage import maximum_filter1d, minimum_filter1d  # here, because it takes long to import

    return even, minimum_filter1d(evenly, size, mode="nearest"), maximum_filter1d(evenly, size, mode="nearest")


def _most_different(difference: Floats) -> NDArray[np.bool_]:
    """Of a trace that does not show its spikes: the values that may lie in one, a tenth of all."""
    kept: NDArray[np.bool_] = np.zeros(len(difference), np.bool_)
    kept[np.argsort(difference)[len(difference) - int(IN_SPIKES * len(difference)) :]] = True
    return kept


def _fast(at: Floats, bt: Floats, bv: Floats, span: float, window_ms: float) -> NDArray[np.bool_]:
    """Where the trace that is right goes through much of its range within a window."""
    even, low, high = _around(bt, bv, window_ms)
    return np.asarray(np.interp(at, even, high - low) > FAST * span)


def _beyond(at: Floats, av: Floats, bt: Floats, bv: Floats, window_ms: float) -> float:
    """How far a goes beyond b's values within a window, at most."""
    even, low, high = _around(bt, bv, window_ms)
    inside = (at >= bt[0]) & (at <= bt[-1])
    at, av = at[inside], av[inside]
    near = np.clip(
        np.rint((at - even[0]) / max((even[-1] - even[0]) / max(len(even) - 1, 1), 1e-300)), 0, len(even) - 1
    )
    index = near.astype(np.int64)
    return float(np.maximum(low[index] - av, av - high[index]).max(initial=0.0))


def _rises(at: Floats, av: Floats, bt: Floats, bv: Floats, fast: NDArray[np.bool_], ruler: Ruler) -> tuple[float, int]:
    """The mean shift of fast rises through the middle of the range, and how many are alone; near the end none is
    missed, nor is one that only just comes there.
    """
    middle, margin = 0.5 * (float(bv.min()) + float(bv.max())), FAST * float(np.ptp(bv))
    end = min(at[-1], bt[-1])
    found, clear = [], []
    for times, values in ((at, av), (bt, bv)):
        rises = crossings_ms(times, values, middle)
        sharp = np.interp(rises, at, fast.astype(float)) > 0.5 if len(at) else np.zeros(len(rises), bool)
        sharp &= rises <= end
        found.append(_raster(rises[sharp]))
        clear.append(_raster(rises[sharp & _clear(values, middle, margin)]).window(-np.inf, end - ruler.window_ms))
    a, b = found
    pairs = match(a, b, ruler.window_ms)
    lost = match(clear[0], b, ruler.window_ms).missed + match(clear[1], a, ruler.window_ms).missed
    shift = float(np.abs(pairs.shifts_ms).mean()) if pairs.matched else 0.0
    return shift, lost


def _clear(values: Floats, middle: float, margin: float) -> NDArray[np.bool_]:
    """Of each rise of a trace through the middle, whether it comes from so far below and goes so far above."""
    above = values >= middle
    turns = np.flatnonzero(above[1:] != above[:-1]) + 1
    starts = np.concatenate([[0], turns])
    highest, lowest = np.maximum.reduceat(values, starts), np.minimum.reduceat(values, starts)
    rise = np.flatnonzero(above[starts][1:]) + 1
    return np.asarray((lowest[rise - 1] <= middle - margin) & (highest[rise] >= middle + margin))


def _raster(rises_ms: Floats) -> Raster:
    return Raster.from_arrays(np.zeros(len(rises_ms), np.int64), rises_ms)
