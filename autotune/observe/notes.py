"""What the user should know of a watched run before any tuning."""

from __future__ import annotations

from autotune.agent.driver.facts import ModelFacts
from autotune.launch.ask import Run


def notes_of(run: Run, facts: ModelFacts) -> list[str]:
    """One sentence each."""
    notes = []
    if not len(run.raster):
        notes.append(
            "the model made no spikes: exact knobs can be verified by the voltages of sampled segments, "
            "a change of dt cannot be verified and is not searched"
        )
    if facts.min_delay_ms == 0 and facts.ranks > 1:
        notes.append("a delay of 0 between ranks: NEURON cannot run this on more than one rank with fixed step")
    stopped = run.reports[0].tstop_ms
    if stopped is not None and facts.t_stop_ms < stopped - facts.dt_ms and facts.t_stop_ms > 0 and not facts.psolve:
        notes.append(f"the run stopped at t = {facts.t_stop_ms:g} ms, before its tstop of {stopped:g} ms")
    if not facts.psolve:
        notes.append("the run section is not pc.psolve: run() and loops of fadvance are slower by themselves")
    for report in run.reports:
        if report.model.get("gids_without_cell"):
            notes.append(f"rank {report.rank}: gids without a cell: {report.model['gids_without_cell']}")
    traces = dict.fromkeys(trace for report in run.reports for trace in report.model["traces"])
    notes += [f"watching this model leaves a trace in it: {trace}" for trace in traces]
    return notes
