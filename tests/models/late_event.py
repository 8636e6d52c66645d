"""Queues an event after finitialize, by hand: whoever starts the network again from inside finitialize loses it."""

from neuron import h

h.nrnmpi_init()
pc = h.ParallelContext()
cells, kept = {}, []
for gid in range(int(pc.id()), 4, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    cells[gid] = (soma, synapse)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in cells.items():
    connection = pc.gid_connect((gid - 1) % 4, synapse)
    connection.weight[0], connection.delay = 0.05, 4
    kept.append(connection)
pc.set_maxstep(10)
h.finitialize(-65)
if 0 in cells:
    kept[0].event(3)
pc.psolve(40)
pc.barrier()
h.quit()
