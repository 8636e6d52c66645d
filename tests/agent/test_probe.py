"""What is counted of a model, where NEURON only offers to walk over its objects."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from autotune.agent.sources import is_stimulus

PROBED = """
import json
from neuron import h
from autotune.agent.probe import NetConTable, probe
from autotune.agent.simulator import Simulator
%s
sim = Simulator()
table = NetConTable(sim, True)
print(json.dumps({"sources": table.sources.tolist(), "trees": probe(sim, table, {})["trees"], **answer()}))
"""


def probed(model: str) -> dict[str, Any]:
    said = subprocess.run([sys.executable, "-c", PROBED % model], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return dict(json.loads(said.stdout))


def test_every_source_is_listed_once_whatever_its_threshold_which_stays() -> None:
    found = probed(
        "thresholds = [0.0, 1e-12, -1e-12, 10.0, -20.0]\n"
        "sections = [h.Section() for _ in thresholds]\n"
        "netcons = [h.NetCon(s(0.5)._ref_v, None, sec=s) for s in sections for _ in range(2)]\n"
        "for number, netcon in enumerate(netcons):\n"
        "    netcon.threshold = thresholds[number // 2]\n"
        "answer = lambda: {'thresholds': [netcon.threshold for netcon in netcons[::2]], 'wanted': thresholds}\n"
    )
    assert found["sources"] == [0, 2, 4, 6, 8]
    assert found["thresholds"] == found["wanted"]


def test_cells_are_counted_as_trees_of_sections_which_is_how_they_are_dealt_to_threads() -> None:
    found = probed(
        "trees = [[h.Section() for _ in range(3)] for _ in range(2)]\n"
        "for soma, *dendrites in trees:\n"
        "    for dendrite in dendrites:\n"
        "        dendrite.connect(soma(1))\n"
        "answer = dict\n"
    )
    assert found["trees"] == 2


def test_a_cell_of_the_model_is_no_stimulus_for_being_called_like_one() -> None:
    assert is_stimulus("NetStim[3]")
    assert is_stimulus("VecStim")
    assert not is_stimulus("NetStimulated[0]")
