"""The reference page of the knobs, made from their own files; `make reference` writes it.

What a knob does on a model is found by asking it about an example and its variations, so the page can say nothing that
the code does not do.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import asdict, replace
from typing import Any

from autotune.agent.driver.facts import LaunchFacts, ModelFacts
from autotune.agent.knobs import KNOBS, Domain, Excluded, Knob
from autotune.launch.launchers.open_mpi import OpenMpi
from autotune.launch.mechanisms import NO_COMPILER
from autotune.report.format import format_value

LAUNCH = LaunchFacts(
    mpi="Open MPI",
    binding=asdict(OpenMpi.binding),
    mod_files=("kca.mod",),
    nrnivmodl="nrnivmodl",
    environments=(("/opt/neuron-9", (9, 0, 2)),),
)
OWN_VALUES = {"neuron": "/opt/neuron-8", "ranks": 2, "binding": "core", "dt": 0.025, "nspike": 0}
EXAMPLE = ModelFacts(
    neuron=(8, 2, 7),
    ranks=2,
    ranks_tunable=True,
    cores=4,
    dt_ms=0.025,
    t_stop_ms=350.0,
    cells=128,
    output_gids=(64, 64),
    min_delay_ms=3.0,
    delays_ms=(1.0, 3.0),
    histogram=(10, 20, 0, 0, 10, 40, 80, 18, 31, 13, 12, 15, 8, 2, 4),
    launch=LAUNCH,
    baseline=defaultdict(bool, OWN_VALUES),
)
EXAMPLE_TEXT = """NEURON 8.2 and Open MPI, 2 ranks on 4 cores, dt = 0.025 ms, delays
of 1 ms within and 3 ms between ranks, no artificial cells, mechanisms that can be built anew, and a second environment
with NEURON 9."""

ONE_RANK = {"ranks": 1, "min_delay_ms": None, "baseline": defaultdict(bool, OWN_VALUES, ranks=1)}
VARIATIONS: dict[str, dict[str, Any]] = {
    "NEURON 9": {"neuron": (9, 0, 2), "launch": replace(LAUNCH, environments=())},
    "NEURON 8.2 alone": {"launch": replace(LAUNCH, environments=())},
    "a serial command": {**ONE_RANK, "ranks_tunable": False, "launch": replace(LAUNCH, mpi="")},
    "a command without `{ranks}`": {"ranks_tunable": False},
    "a launcher that is not known": {"launch": LaunchFacts(mpi="unknown")},
    "a command that places its ranks": {"launch": replace(LAUNCH, placed=True)},
    "no mod files": {"launch": replace(LAUNCH, mod_files=())},
    "no compiler": {"launch": replace(LAUNCH, no_build=NO_COMPILER)},
    "one core": {**ONE_RANK, "cores": 1},
    "one rank": {**ONE_RANK, "ranks_tunable": False},
    "two cores": {"cores": 2, "ranks_tunable": False},
    "no connection between ranks": {"min_delay_ms": None},
    "the variable step method": {"cvode": True},
    "`run()` or a loop of `fadvance`": {"psolve": False},
    "two threads": {"threads": 2},
    "a delay of 0 between ranks": {"min_delay_ms": 0.0, "delays_ms": (0.0, 3.0)},
    "a delay of 0 within a rank": {"delays_ms": (0.0, 3.0)},
    "a delay off the grid of dt": {"delays_ms": (1.01, 3.0)},
    "a smallest delay of one step": {"delays_ms": (0.025, 3.0), "min_delay_ms": 0.025},
    "an exchange as seldom as the delays allow": {"histogram": (17, 100)},
    "artificial cells": {"artificial_cells": 10},
    "artificial cells with gids": {"artificial_cells": 10, "artificial_gids": 10},
    "spikes that the model compresses itself, of artificial cells too": {
        "artificial_cells": 10,
        "artificial_gids": 10,
        "baseline": defaultdict(bool, OWN_VALUES, nspike=1),
    },
    "artificial cells alone": {"artificial_cells": 10, "has_sections": False},
    "a mechanism that is not thread safe": {"thread_unsafe": ("kca",)},
    "a global variable, or t at an interval, that is recorded": {"without_thread": 1},
    "300 output gids on a rank": {"output_gids": (64, 300)},
}

HEAD = f"""# Knobs

Made by `make reference` from the files in `autotune/agent/knobs/`; a test compares the two.

A knob is a setting of NEURON that the tuner may change. Before the search each knob looks at what the watched run has
taught and answers with the values worth trying and with its class on this model, or with the reason why it is left out.

| class | what it may do to the raster |
|---|---|
| exact | nothing |
| round-off | the last bit of a sum, or the order of deliveries at one time, may change |
| numerical | the numbers change by design |

A trial is judged by the weakest class among the knobs that it changes; how, is explained in
[what "the same spikes" means](../explanation/same-spikes.md). The values below are those for an example network: on
{EXAMPLE_TEXT}
"""


def knobs_page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *(_section(knob) for knob in KNOBS.values())])


def _section(knob: Knob) -> str:
    title, _, body = (sys.modules[type(knob).__module__].__doc__ or "").partition("\n")
    about = f"{title.removeprefix(f'{knob.name}: ')}\n{body}".strip()
    usual = knob.domain(EXAMPLE)
    answers = {case: knob.domain(replace(EXAMPLE, **change)) for case, change in VARIATIONS.items()}
    rows = [("set", "when the command is started" if knob.at_launch else f"inside finitialize, place {knob.order}")]
    if isinstance(usual, Domain):
        if knob.needs:
            rows.append(("needs", knob.needs))
        rows.append(("values in the example", ", ".join(map(format_value, usual.values))))
        if usual.recommended:
            rows.append(("tried first", ", ".join(map(format_value, usual.recommended))))
        single = [f"{safety} with {format_value(value)}" for value, safety in usual.classes]
        rows.append(("class", "; ".join([usual.safety, *single, *_other_classes(answers, usual.safety)])))
    reasons = dict.fromkeys(answer.reason for answer in answers.values() if isinstance(answer, Excluded))
    rows += [("not searched", reason) for reason in reasons]
    table = "\n".join(f"| {name} | {text} |" for name, text in rows)
    return f"## `{knob.name}`\n\n{about[:1].upper()}{about[1:]}\n\n| | |\n|---|---|\n{table}\n"


def _other_classes(answers: dict[str, Domain | Excluded], usual: str) -> list[str]:
    """The classes that variations of the example lead to, each with those variations, the simplest ones."""
    changed: dict[str, list[str]] = {}
    for case, answer in answers.items():
        if isinstance(answer, Domain) and answer.safety != usual:
            cases = changed.setdefault(answer.safety, [])
            if not case.startswith(tuple(cases)):
                cases.append(case)
    return [f"{safety} with {' or '.join(cases)}" for safety, cases in changed.items()]
