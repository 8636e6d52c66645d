"""What the user should know of a watched run before any tuning."""

from __future__ import annotations

from autotune.agent.driver.facts import ModelFacts
from autotune.launch.ask import Run
from autotune.report.format import counted

SHOWN = 160  # characters of a command
_VOLTAGES = (
    "exact knobs can be verified by the voltages of sampled segments, a change of dt cannot be verified and is not "
    "searched"
)
_NO_DETECTOR = "NEURON detects no spikes in this model (no NetCon from a voltage, no cell with a gid)"


def notes_of(run: Run, facts: ModelFacts) -> list[str]:
    """One sentence each."""
    notes = []
    notes += _of_spikes(run, facts)
    if run.inner:
        line = run.inner if len(run.inner) <= SHOWN else f"{run.inner[:SHOWN]}…"
        notes.append(
            f"the command itself simulates nothing, what it starts does: {line}. Its runs are tuned as they come; give "
            "that command itself to have its launcher, its ranks and its builds tuned, too"
        )
    if facts.by_jobs:
        notes.append(
            "the ranks do jobs by themselves or in subworlds: spikes are compared job by job, whichever rank did it, "
            "and the whole process is timed"
        )
    for report in run.reports:
        if report.survived:
            notes.append(f"rank {report.rank} went on after {report.survived}")
    if run.printed.complaints and not any(report.survived for report in run.reports):
        notes.append(f"hoc stopped at an error, and did not do what comes after it there: {run.printed.complaints[0]}")
    if facts.min_delay_ms == 0 and facts.ranks > 1:
        notes.append("a delay of 0 between ranks: NEURON cannot run this on more than one rank with fixed step")
    stopped = run.first.tstop_ms
    if stopped is not None and facts.t_stop_ms < stopped - facts.dt_ms and facts.t_stop_ms > 0 and not facts.psolve:
        notes.append(f"the run stopped at t = {facts.t_stop_ms:g} ms, before its tstop of {stopped:g} ms")
    if not facts.psolve:
        notes.append("the run section is not pc.psolve: run() and loops of fadvance are slower by themselves")
    for report in run.reports:
        if report.model.get("gids_without_cell"):
            notes.append(f"rank {report.rank}: gids without a cell: {report.model['gids_without_cell']}")
    traces = dict.fromkeys(trace for report in run.reports for trace in report.model.get("traces", ()))
    notes += [f"watching this model leaves a trace in it: {trace}" for trace in traces]
    return notes


def _of_spikes(run: Run, facts: ModelFacts) -> list[str]:
    """How spikes were found where NEURON looks for none, and what is compared where there are none."""
    notes = []
    if facts.spots:
        notes.append(f"{_NO_DETECTOR}: they are found in {counted(facts.spots, 'voltage')}, {facts.spots_are}")
    if not len(run.raster):
        compared = f"what it records ({counted(facts.recorded, 'vector')})" if facts.recorded else ""
        compared = compared or ("its voltage" if facts.has_sections else "")
        notes.append(f"the model made no spikes: {f'{compared} is compared' if compared else _VOLTAGES}")
    return notes
