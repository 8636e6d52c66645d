"""Four cells in a ring with a compiled mechanism; reads no arguments, so that every way of starting it is the same."""

from neuron import h

h.load_file("stdrun.hoc")
pc = h.ParallelContext()
cells, kept = [], []
for gid in range(4):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    soma.insert("leak")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    cells.append((soma, synapse))
    pc.set_gid2node(gid, 0)
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in enumerate(cells):
    connection = pc.gid_connect((gid - 1) % 4, synapse)
    connection.weight[0], connection.delay = 0.02, 2
    kept.append(connection)
stimulus = h.NetStim()
stimulus.number, stimulus.start = 1, 1
kick = h.NetCon(stimulus, cells[0][1])
kick.weight[0], kick.delay = 0.02, 1

times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(30)
h.quit()
