"""Cells that fire seldom, early, alone, or not at all: what may be concluded from so few spikes?

`one`: one spike of one cell. `early`: many, in the first tenth of the run. `alone`: one cell of twenty fires.
`stimulus`: a stimulus with a gid fires often, the cell that it reaches never. `enough`: all cells fire until the end.
With `serial` as a second word they have no gids.
"""

import sys

from neuron import h

kind, serial = sys.argv[1], "serial" in sys.argv
h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
kept = []
LAST_MS = {"one": 2, "early": 20, "alone": 1e9, "stimulus": 0, "enough": 1e9}
for gid in range(1 if kind in ("one", "stimulus") else 20):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.amp = 1 + gid / 20, 0 if kind == "alone" and gid else 0.4
    clamp.dur = LAST_MS[kind]
    detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
    if not serial:
        pc.set_gid2node(gid, 0)
        pc.cell(gid, detector)
    kept.append((soma, clamp, detector))
if kind == "stimulus":
    stimulus = h.NetStim()
    stimulus.number, stimulus.start, stimulus.interval = 100, 1, 2
    pc.set_gid2node(100, 0)
    pc.cell(100, h.NetCon(stimulus, None))
    synapse = h.ExpSyn(kept[0][0](0.5))
    connection = pc.gid_connect(100, synapse)
    connection.weight[0], connection.delay = 1e-6, 1
    kept.append((stimulus, synapse, connection))
pc.set_maxstep(10)
h.stdinit()
pc.psolve(200)
h.quit()
