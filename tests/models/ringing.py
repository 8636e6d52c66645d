"""One Hodgkin-Huxley cell with a finely divided dendrite whose far end is clamped to steps of voltage.

Backward Euler smooths the steps; Crank-Nicolson with a large dt answers to each with a slope that changes sign at every
step of the integration. With --own these are the model's own method and dt.
"""

import sys

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
soma, dendrite = h.Section(name="soma"), h.Section(name="dendrite")
soma.L = soma.diam = 20
soma.insert("hh")
dendrite.connect(soma(1))
dendrite.L, dendrite.diam, dendrite.nseg = 200, 2, 41
dendrite.insert("pas")
clamp = h.SEClamp(dendrite(0.6))
clamp.rs, clamp.dur1, clamp.amp1, clamp.dur2, clamp.amp2 = 0.001, 5, -65, 100, -20
pc.set_gid2node(0, 0)
pc.cell(0, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
pc.set_maxstep(10)
if "--own" in sys.argv:
    h.secondorder, h.dt, h.steps_per_ms = 2, 0.1, 10
h.stdinit()
pc.psolve(20)
h.quit()
