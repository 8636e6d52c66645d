"""A profile as one web page: where the time of a run goes, rank by rank, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from autotune.agent.driver.facts import ModelFacts
from autotune.profile import Advice, Profile
from autotune.report.format import format_number
from autotune.report.html.look import BAD, OWN, TUNED
from autotune.report.html.look import figure as look
from autotune.report.html.markup import Html, code, drawn, folded, join, paragraph, table
from autotune.report.html.page import page
from autotune.report.html.section import Section
from autotune.report.html.sections.exchange import histogram_figure

MOST_RANKS = 200
"""In the figure and the table, the slowest first."""
OF_A_RANK = (("computation", "step_s", TUNED), ("exchange", "exchange_s", BAD), ("output", "output_s", OWN))


def html_profile(name: str, profile: Profile, facts: ModelFacts | None, advice: Sequence[Advice]) -> str:
    """The whole page."""
    told = None if profile.failed else _advice(advice)
    ranks = _ranks(profile) if profile.ranks else None
    made = filter(None, (_parts(profile), told, ranks, *_more(profile), _exchange(facts)))
    return page(f"{name}: where its time goes", list(made))


def _parts(profile: Profile) -> Section:
    shown = {part: seconds for part, seconds in profile.sections.items() if seconds > 0.0}
    says = f"Seconds of each part of one run; together the {profile.wall_s:.3g} s from its start to its end"
    notes = [f"The model did not come to its end: {profile.failed}"] if profile.failed else []
    notes += [profile.undivided] if profile.undivided else []
    notes += profile.notes
    body = join([*map(paragraph, notes), _bars("plot-parts", says, shown), _numbers("Parts of the run", shown)])
    return Section("parts", "The run in parts", body)


def _advice(advice: Sequence[Advice]) -> Section:
    if not advice:
        return Section("advice", "Advice", paragraph("Nothing in the script stands in the way."))
    return Section("advice", "Advice", join(part for one in advice for part in _one(one)))


def _one(advice: Advice) -> Iterator[Html]:
    bound = f" At most {advice.bound:.2f} times as fast." if advice.bound else ""
    yield paragraph(advice.what + bound, "lead")
    yield paragraph(f"Because {advice.because}.")
    if advice.how:
        yield code(advice.how)


def _ranks(profile: Profile) -> Section:
    from plotly.graph_objects import Bar

    slowest = sorted(profile.ranks, key=lambda rank: -rank.step_s)[:MOST_RANKS]
    names = [str(rank.rank) for rank in slowest]
    bars = [
        Bar(x=names, y=[getattr(rank, key) for rank in slowest], name=title, marker={"color": colour})
        for title, key, colour in OF_A_RANK
    ]
    says = "Seconds of computation, exchange and output of each rank, the slowest first"
    figure = look(bars, "rank", "seconds", barmode="stack", xaxis_type="category")
    rows = [
        (
            rank.rank,
            format_number(max(rank.cells, rank.trees)),
            format_number(rank.segments),
            *(f"{seconds:.4g}" for seconds in (rank.step_s, rank.exchange_s, rank.barrier_s, rank.output_s)),
            f"{rank.peak_mb:.0f}",
            format_number(rank.spikes),
        )
        for rank in slowest
    ]
    columns = ("rank", "cells", "segments", "computes s", "exchange s", "barrier s", "output s", "peak MB", "spikes")
    balance = profile.balance
    told = paragraph(f"Load balance {balance:.3f}: mean over maximum of the computation.") if balance else ""
    numbers = folded("The numbers", table("Ranks", columns, rows, stacked=True))
    return Section("ranks", "The run section, rank by rank", join([told, drawn("plot-ranks", figure, says), numbers]))


def _more(profile: Profile) -> Iterator[Section]:
    if profile.populations:
        yield _populations(profile)
    if profile.named:
        yield _listed("named", "Sections that the model names", profile.named, "Seconds of each")
    if profile.mechanisms:
        says = f"Seconds of the first thread in each mechanism, in a run section of {profile.mechanisms_run_s:.3g} s"
        yield _listed("mechanisms", "Mechanisms", profile.mechanisms, says)
    for phase, lines in profile.interpreted.items():
        yield _listed(f"python-{phase}", f"Python in {phase}", dict(lines[:12]), "Seconds of samples of each line")


def _populations(profile: Profile) -> Section:
    rows = (
        (each.name, format_number(each.cells), format_number(each.spikes), f"{each.rate_hz:.3g}")
        for each in profile.populations
    )
    return Section("populations", "Populations", table("Populations", ("", "cells", "spikes", "Hz a cell"), rows))


def _listed(anchor: str, title: str, seconds: Mapping[str, float], says: str) -> Section:
    largest = dict(sorted(seconds.items(), key=lambda entry: -entry[1])[:20])
    return Section(anchor, title, join([_bars(f"plot-{anchor}", says, largest), _numbers(title, largest)]))


def _exchange(facts: ModelFacts | None) -> Section | None:
    figure = histogram_figure(facts.histogram) if facts and any(facts.histogram) else None
    if facts is None or figure is None:
        return None
    says = f"How many of {sum(facts.histogram):,} exchanges carried so many spikes of the busiest rank"
    told = paragraph(f"nspike at the 95th percentile: {facts.spikes_per_exchange(95.0)}.")
    return Section("exchange", "Spike exchange", join([told, drawn("plot-exchange", figure, says)]))


def _bars(name: str, says: str, seconds: Mapping[str, float]) -> Html:
    from plotly.graph_objects import Bar

    names = list(seconds)[::-1]
    bar = Bar(
        x=[seconds[each] for each in names],
        y=names,
        orientation="h",
        marker={"color": TUNED},
        showlegend=False,
        hovertemplate="%{y}: %{x:.4g} s<extra></extra>",
    )
    return drawn(name, look([bar], "seconds", "", height=90 + 28 * len(names)), says)


def _numbers(caption: str, seconds: Mapping[str, float]) -> Html:
    return folded("The numbers", table(caption, ("", "seconds"), ((each, f"{s:.4g}") for each, s in seconds.items())))
