"""Two layers on 2 ranks: eight cells, and eight output cells whose gids start at an argument and whom nobody listens
to.

A third argument `late` makes the script record its spikes only after finitialize.
"""

import sys

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
start, late = int(sys.argv[1]), sys.argv[2:] == ["late"]
somata, synapses, connections = {}, {}, []
for gid in [*range(8), *range(start, start + 8)][pc.id() :: pc.nhost()]:
    somata[gid] = soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapses[gid] = h.ExpSyn(soma(0.5))
    synapses[gid].tau = 2
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, synapse in synapses.items():
    connection = pc.gid_connect((gid - 1) % 8 if gid < 8 else gid - start, synapse)
    connection.weight[0], connection.delay = 0.05, 3
    connections.append(connection)
if pc.gid_exists(0):
    stimulus = h.NetStim()
    stimulus.start, stimulus.number = 1, 1
    first = h.NetCon(stimulus, synapses[0])
    first.weight[0], first.delay = 0.05, 1
pc.set_maxstep(10)
h.stdinit()
times, gids = h.Vector(), h.Vector()
if late:
    pc.spike_record(-1, times, gids)
pc.psolve(100)
pc.barrier()
h.quit()
