"""Whether NEURON can tell the thread of all that is recorded and played, before any thread is asked for."""

from __future__ import annotations

import json
import subprocess
import sys

# Each alone: what the agent says of it with one thread, then whether NEURON takes a second.
ASKS = """
import json
from neuron import h
from autotune.agent.recorders import Recorders
from autotune.agent.simulator import Simulator

h("global_x = 3")
pc, cells = h.ParallelContext(), [h.Section(name=f"cell{i}") for i in range(2)]
for cell in cells:
    cell.insert("hh")
clamp, fires = h.IClamp(cells[0](0.5)), h.IntFire1()
h.CVode().use_fast_imem(1)
of = {
    "v": lambda vector: vector.record(cells[1](0.5)._ref_v),
    "v at the end": lambda vector: vector.record(cells[1](1)._ref_v, 1.0),
    "capacitance": lambda vector: vector.record(cells[1](0.5)._ref_cm),
    "diameter": lambda vector: vector.record(cells[1](0.5)._ref_diam),
    "m": lambda vector: vector.record(cells[1](0.5).hh._ref_m),
    "current": lambda vector: vector.record(clamp._ref_i),
    "t": lambda vector: vector.record(h._ref_t),
    "amplitude, played": lambda vector: vector.play(clamp._ref_amp, 1.0),
    "t at an interval": lambda vector: vector.record(h._ref_t, 1.0),
    "a global variable": lambda vector: vector.record(h._ref_global_x),
    "an artificial cell": lambda vector: vector.record(fires._ref_m),
    "current, with its object": lambda vector: vector.record(clamp, clamp._ref_i, 1.0),
    "membrane current": lambda vector: vector.record(cells[1](0.5)._ref_i_membrane_),
    "a global variable, played": lambda vector: vector.play(h._ref_global_x, 1.0),
}
found = {}
for name, use in of.items():
    vector = h.Vector([1, 2, 3])
    use(vector)
    h.finitialize(-65)
    said = Recorders(Simulator()).without_thread()
    pc.nthread(2)
    try:
        h.finitialize(-65)
        taken = True
    except RuntimeError:
        taken = False
    pc.nthread(1)
    vector.play_remove()
    found[name] = said, taken
print(json.dumps(found))
"""


def test_what_neuron_refuses_with_threads_is_known_before() -> None:
    asked = subprocess.run([sys.executable, "-c", ASKS], capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(asked.stdout.splitlines()[-1])
    assert {name: said == 0 for name, (said, _) in found.items()} == {name: taken for name, (_, taken) in found.items()}
    assert sum(said for said, _ in found.values()) == 5
