"""The answer of a study in sentences, for comments in code and for whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator

from autotune.best import Best, Bill, RasterEvidence
from autotune.handover.answer import Answer
from autotune.report.format import counted, format_duration


def told(answer: Answer) -> Iterator[str]:
    """What was measured, when and where, line by line, whatever a command or a name holds."""
    return (" ".join(line.splitlines()) for line in _told(answer))


def _told(answer: Answer) -> Iterator[str]:
    best, place = answer.best, answer.best.environment
    yield f"{best.study}: {describe_speedup(best)}."
    if best.evidence.brings:
        yield f"{describe_brings(best)}."
    if best.evidence.machine_changed:
        yield f"Note: {best.evidence.machine_changed}."
    yield from best.evidence.disturbed
    if best.evidence.raster:
        yield f"{describe_raster(best.evidence.raster)}."
    if best.evidence.looked_at:
        yield f"Compared: {best.evidence.looked_at}."
    yield f"Measured on {answer.measured}, on {place.host} ({place.cpu}, {counted(place.cores, 'core')}), with"
    yield f"{place.neuron}, Python {place.python}, {place.mpi or 'no MPI'}, {counted(place.ranks, 'rank')}, of:"
    yield f"    {' '.join(best.model.command)}"
    if len(best.evidence.places) > 1:
        yield f"Trials were made on {len(best.evidence.places)} types of nodes; it was confirmed on"
        yield f"{best.evidence.confirmed_on}."
    yield f"by neuron-autotune {best.tool}. It holds for this model, this machine, this tstop and these seeds."


def describe_speedup(best: Best) -> str:
    """How much faster, with its interval and what proves it, in a clause."""
    if best.verdict != "improved":
        return "no improvement is proved, keep your settings"
    speedup, part = best.speedup, best.evidence.proved_on
    where = f", time proved on the first {part:.0%} of the run" if part else ""
    return (
        f"{speedup.estimate:.2f} times as fast ({speedup.confidence:.0%} interval {speedup.low:.2f} to "
        f"{speedup.high:.2f}), {best.evidence.pairs} pairs, p = {best.evidence.corrected_p:.2g}{where}"
    )


def describe_brings(best: Best) -> str:
    """What each setting brings beside the others, and which bring nothing and were left out."""
    kept = [f"{each['knob']} {each['estimate']:.2f}" for each in best.evidence.brings if each["kept"]]
    nothing = [each["knob"] for each in best.evidence.brings if not each["kept"]]
    parts = [", ".join(kept)] if kept else []
    parts += [f"{', '.join(nothing)}: nothing"] if nothing else []
    return f"what each brings: {'; '.join(parts)}"


def describe_bill(bill: Bill) -> str:
    """What the tuning cost and when it has paid for itself, in a sentence."""
    cost = f"tuning took {format_duration(bill.tuning_s)}"
    if bill.saved_s_per_run is None or bill.runs_to_pay is None:
        return cost
    return f"{cost}; a run saves {bill.saved_s_per_run:.3g} s, so it has paid for itself after {bill.runs_to_pay} runs"


def describe_raster(raster: RasterEvidence) -> str:
    """By which rule the spikes of the best trial were accepted, and what they do."""
    until = f" up to t = {raster.until_ms:g} ms" if raster.until_ms is not None else ""
    accepted = f"raster{until}: {raster.verdict} as {raster.safety_class}"
    spikes = counted(raster.spikes, "spike")
    if raster.statistics is not None:
        return (
            f"{accepted} by its statistics: the worst reaches {raster.statistics:.0%} of what it may ({spikes}, "
            f"{raster.distance:.1%} of them without a partner, as in any two runs of a chaotic network)"
        )
    if raster.distance == 0 and raster.safety_class == "exact":
        return f"{accepted} (identical, {spikes})"
    if not raster.spikes:
        return f"{accepted} (no spikes)"
    partners = "all matched" if raster.distance == 0 else f"{raster.distance:.2%} without a partner"
    if raster.largest_shift_ms is None or raster.mean_shift_ms is None:
        return f"{accepted} ({spikes}, {partners})"
    moved = f"shifted by {raster.mean_shift_ms:.3f} ms on average, at most {raster.largest_shift_ms:.3f} ms"
    return f"{accepted} ({spikes}, {partners}; {moved})"
