"""The answer in two sentences."""

from __future__ import annotations

from autotune.raster.metrics import match
from autotune.report.format import counted
from autotune.report.html.markup import join, paragraph
from autotune.report.html.section import Section
from autotune.report.html.studied import Studied

WHAT = (
    "NEURON, the simulator, can run one and the same model with many settings. This study has tried some of them on "
    "this model and this machine. Two things were measured of each: how long the run takes beside a run with the "
    "user's own settings, and whether the model still does the same: when which cell spikes, and what else it writes."
)


def section(studied: Studied) -> Section:
    """Two sentences, and what they are about for those who never heard of it."""
    kind = "answer improved" if studied.improved else "answer"
    return Section("answer", "The answer", join([paragraph(" ".join(sentences(studied)), kind), paragraph(WHAT)]))


def sentences(studied: Studied) -> tuple[str, str]:
    """How fast, and whether it is the same."""
    best = studied.best
    if not studied.improved:
        seen = f" A gain of {studied.noise.visible_gain:.1%} or more would have been seen." if studied.noise else ""
        return (
            f"No settings were proved to run {best.study} faster than the user's own, so keep these.",
            f"{_others(best.evidence.trials)}{seen}",
        )
    speed = best.speedup
    return (
        f"With the settings below {best.study} runs {speed.estimate:.2f} times as fast as with the user's own "
        f"(between {speed.low:.2f} and {speed.high:.2f} times, with a confidence of {speed.confidence:.0%}).",
        _same(studied),
    )


def _others(trials: int) -> str:
    """How many there were; the first is the user's own."""
    others = trials - 1
    if others < 1:
        return "No other settings were tried."
    return f"{counted(others, 'trial')} of other settings {'was' if others == 1 else 'were'} made."


def _same(studied: Studied) -> str:
    raster = studied.best.evidence.raster
    if raster is None:
        return "What it computes was compared and accepted."
    spikes = f"{raster.spikes:,} spikes"
    if raster.statistics is not None:
        return f"Its network is chaotic: its {spikes} have the statistics that they had."
    if raster.distance == 0 and not raster.largest_shift_ms:
        return f"It computes the same: {spikes}, each at the same time."
    if studied.baseline is not None and studied.tuned is not None:  # the whole run: trials may have ended early
        found = match(studied.baseline, studied.tuned, studied.window_ms)
        return _moved(len(studied.tuned), found.distance, found.max_abs_ms if found.matched else None)
    return _moved(raster.spikes, raster.distance, raster.largest_shift_ms)


def _moved(number: int, distance: float, largest_ms: float | None) -> str:
    spikes = f"{number:,} spikes"
    if largest_ms is None:
        return f"Its {spikes} were accepted as the same."
    alone = "each has its partner" if distance == 0 else f"{distance:.2%} have no partner"
    return f"Its spikes are the same but for shifts of at most {largest_ms:.2g} ms ({spikes}, {alone})."
