"""Three cells that run by themselves or in CoreNEURON, as the command line says of each run: `on`, `off`, or `late`
(switched on after finitialize and off again after the run).
"""

import sys

from neuron import coreneuron, h

h.load_file("stdrun.hoc")
pc = h.ParallelContext()
cells, clamps, times, gids = [], [], h.Vector(), h.Vector()
for gid in range(3):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.2
    pc.set_gid2node(gid, 0)
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
    cells.append(soma)
    clamps.append(clamp)
pc.spike_record(-1, times, gids)
h.cvode.cache_efficient(1)
pc.set_maxstep(10)
coreneuron.verbose = 0
for way in sys.argv[1:]:
    coreneuron.enable = way == "on"
    h.stdinit()
    coreneuron.enable = way != "off"
    pc.psolve(50)
    coreneuron.enable = way == "on"
    print(way, int(times.size()))
