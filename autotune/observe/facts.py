"""The facts of the whole network, merged from what each rank has reported."""

from __future__ import annotations

import re

from autotune.agent.driver.facts import ModelFacts
from autotune.agent.knobs import KNOBS
from autotune.agent.protocol import RankReport
from autotune.agent.session import FINITIALIZE_V
from autotune.launch.ask import Run
from autotune.launch.command import Command
from autotune.launch.judge import RunFailed
from autotune.machine import usable_cores
from autotune.observe.observation import SessionStart

MOSTLY = 0.5  # the share of the run section that must be psolve for NEURON's timers to tell its length


def merge_facts(run: Run, command: Command) -> ModelFacts:
    """The facts of the whole network from those of its ranks."""
    models = [report.model for report in run.reports if "cells" in report.model]
    if not models:
        raise RunFailed("crashed", "no rank has said what its model is", cure="Run the same command again.")
    lowest = [model["min_delay_ms"] for model in models if model["min_delay_ms"] is not None]
    version = re.search(r"(\d+)\.(\d+)\.?(\d+)?", run.first.neuron)
    assert version is not None, run.first.neuron
    threads = max(model["threads"] for model in models)
    detected = any(report.detectors for report in run.reports)
    return ModelFacts(
        neuron=tuple(int(part or 0) for part in version.groups()),
        ranks=run.ranks,
        by_jobs=run.by_jobs,
        dt_ms=run.first.dt_ms,
        t_stop_ms=round(run.t_ms, 6),
        ranks_tunable=command.tunable_ranks,
        cores=usable_cores(),
        cvode=any(report.cvode for report in run.reports),
        psolve=uses_psolve(run),
        threads=threads,
        cells=sum(model["cells"] for model in models),
        artificial_cells=sum(model["artificial_cells"] for model in models),
        artificial_gids=sum(model["artificial_gids"] for model in models),
        sources_without_gid=sum(model["sources_without_gid"] for model in models),
        spots=0 if detected else sum(report.spots for report in run.reports),
        spots_are="" if detected else next((report.spots_are for report in run.reports if report.spots), ""),
        recorded=sum(model.get("recorded", 0) for model in models),
        without_thread=sum(model.get("without_thread", 0) for model in models),
        output_gids=tuple(model["output_gids"] for model in models),
        shared=all(section.shared for report in run.reports for section in report.sections),
        no_coreneuron=next((reason for model in models if (reason := model["no_coreneuron"])), ""),
        has_sections=any(model["sections"] for model in models),
        trees=sum(model["trees"] for model in models),
        thread_unsafe=tuple(sorted({name for model in models for name in model["thread_unsafe"]})),
        lacking_threadsafe=tuple(sorted({name for model in models for name in model["lacking_threadsafe"]})),
        min_delay_ms=min(lowest, default=None),
        delays_ms=tuple(sorted({delay for model in models for delay in model["delays_ms"]})),
        histogram=tuple(run.first.histogram),
        queue_events=max(threads * sum(s.queue_events for s in report.sections) for report in run.reports),
        run_s=run.run_s,
        step_s=run.sections["step"],
        exchange_s=run.sections["exchange"],
        barrier_s=run.sections["barrier"],
        baseline=dict(run.effective),
    )


def uses_psolve(run: Run) -> bool:
    """Whether the longest section of the run is spent in pc.psolve."""
    section = max(run.first.sections, key=lambda s: s.until_next_s)
    if section.coreneuron:
        return True
    if section.clock_s is None:  # no clock with CVODE: until_next_s holds the model's output too
        return section.psolve_s > 0.0
    return section.psolve_s > MOSTLY * section.clock_s


def runs_of(report: RankReport) -> list[int]:
    """The numbers of the finitializes that were followed by a step at least."""
    return [number for number, s in enumerate(report.sections) if s.t_stop_ms > s.t_start_ms]


def session_start(run: Run, facts: ModelFacts) -> SessionStart | None:
    runs = runs_of(run.first)
    if not runs or run.by_jobs:
        return None
    at = runs[0]
    voltages = {report.sections[at].uniform_mv for report in run.reports if at < len(report.sections)}
    v_mv = voltages.pop() if len(voltages) == 1 else None
    ways = tuple(way for way in run.first.model.get("ways", ()) if way != FINITIALIZE_V or v_mv is not None)
    own = {name: value for name, value in facts.baseline.items() if KNOBS[name].told_by_run}
    return SessionStart(at, facts.t_stop_ms, facts.psolve, ways, v_mv=v_mv, own=own)


def voltage_digests(run: Run) -> tuple[str, ...]:
    """What the sampled voltages of each rank looked like, as a digest; empty strings where nothing was sampled, and
    where it depends on which rank did which job.
    """
    if run.by_jobs:
        return ("",) * run.ranks
    return tuple(str(report.voltage.get("digest", "")) for report in run.reports)


def load_balance(reports: tuple[RankReport, ...]) -> float | None:
    step = [sum(s.step_s for s in r.sections) for r in reports]
    with_wait = [sum(s.step_s + s.step_wait_s for s in r.sections) for r in reports]
    if not any(step):
        return None
    return sum(step) / len(step) / max(with_wait)
