"""What the knobs of the spike exchange share: `pc.spike_compress(nspike, gid_compress, method)` sets them all at once,
and `pc.set_maxstep` must follow it.

The first of them that is set in a run makes the one call for all. NEURON aborts the process when spikes are compressed
and the exchange interval is 255 steps or more, and it crashes when the multisend exchange is chosen without a
`set_maxstep` after it; neither can happen here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Tuple

from ..simulator import Simulator

if TYPE_CHECKING:
    from ..driver.facts import ModelFacts
    from ..driver.written import Tuned, Written

TOGETHER = ("multisend", "multisend_subintervals", "multisend_two_phase", "nspike", "gid_compress", "maxstep")
MULTISEND, SUBINTERVALS, TWO_PHASE = 1, 4, 8  # bits of the method
COMPRESSING = TOGETHER[:-1]  # those of the one call
LARGEST_INTERVAL_STEPS = 254  # a compressed spike's time in the interval is one byte
LARGEST_INTERVAL_MS = 10.0


def set_exchange(sim: Simulator, name: str, settings: Dict[str, Any]) -> None:
    """Set all that `settings` says of the exchange, if `name` is the first knob in it that belongs to the exchange."""
    if name != next(knob for knob in TOGETHER if knob in settings):
        return
    method = _method(sim, settings)
    nspike = 0 if method & MULTISEND else int(settings.get("nspike", sim.pc.spike_compress(-1)))
    if set(settings) & set(COMPRESSING):
        sim.pc.spike_compress(nspike, 1 if nspike and settings.get("gid_compress") else 0, method)
    limit = LARGEST_INTERVAL_STEPS * float(sim.h.dt) if nspike else LARGEST_INTERVAL_MS
    wanted = settings.get("maxstep") or LARGEST_INTERVAL_MS
    sim.maxstep_ms = float(sim.pc.set_maxstep(min(wanted, limit)))


def keep_compressible(sim: Simulator, settings: Dict[str, Any]) -> None:
    """A smaller dt can make an interval 255 steps long in a model that compresses its spikes by itself."""
    if not set(settings) & set(TOGETHER) and int(sim.pc.spike_compress(-1)) > 0:
        sim.pc.set_maxstep(min(LARGEST_INTERVAL_MS, LARGEST_INTERVAL_STEPS * float(sim.h.dt)))


def write_exchange(name: str, tuned: Tuned) -> Written:
    """The statements of `set_exchange`, for the first of the changed knobs that belong to the exchange."""
    from ..driver.written import NOTHING, alike

    if name != next(knob for knob in TOGETHER if knob in tuned.changes):
        return NOTHING
    bits = ((MULTISEND, TOGETHER[0]), (SUBINTERVALS, TOGETHER[1]), (TWO_PHASE, TOGETHER[2]))
    method = sum(bit for bit, knob in bits if tuned.get(knob))
    method = method if method & MULTISEND else 0
    nspike = 0 if method else int(tuned.get("nspike") or 0)
    lines = []
    if set(tuned.changes) & set(COMPRESSING):
        gids = 1 if nspike and tuned.changes.get("gid_compress") else 0
        lines.append("{pc}.spike_compress(%d, %d, %d)" % (nspike, gids, method))
    return alike(*lines, _write_maxstep(nspike, tuned))


def write_compressible(tuned: Tuned) -> Tuple[str, ...]:
    """The statement of `keep_compressible`, if it is needed."""
    nspike = int(tuned.get("nspike") or 0)
    return (_write_maxstep(nspike, tuned),) if nspike and not set(tuned.changes) & set(TOGETHER) else ()


def _write_maxstep(nspike: int, tuned: Tuned) -> str:
    limit = LARGEST_INTERVAL_STEPS * float(tuned.get("dt") or tuned.facts.dt_ms) if nspike else LARGEST_INTERVAL_MS
    return "{pc}.set_maxstep(%.12g)" % min(tuned.changes.get("maxstep") or LARGEST_INTERVAL_MS, limit)


def method_in_effect(sim: Simulator) -> int:
    """The bits of the exchange method as NEURON tells them, the same on every rank."""
    return int(sim.pc.send_time(8)) & (MULTISEND | SUBINTERVALS | TWO_PHASE)


def no_exchange(facts: ModelFacts) -> str:
    """Why there is nothing to tune in the exchange of this model, or an empty string."""
    if facts.ranks < 2:
        return "one rank: no spikes are exchanged"
    if facts.min_delay_ms is None:
        return "no connection between ranks: no spikes are exchanged"
    return ""


def _method(sim: Simulator, settings: Dict[str, Any]) -> int:
    current = method_in_effect(sim)
    method = 0
    for bit, knob in ((MULTISEND, TOGETHER[0]), (SUBINTERVALS, TOGETHER[1]), (TWO_PHASE, TOGETHER[2])):
        if settings.get(knob, current & bit):
            method |= bit
    return method if method & MULTISEND else 0
