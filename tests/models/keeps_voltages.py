"""Each cell has voltages of its own, which finitialize without an argument keeps, as hnn-core does."""

from neuron import h

h.nrnmpi_init()
pc = h.ParallelContext()
cells, connections = {}, []
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
    connections.append(connection)
pc.set_maxstep(10)
h.finitialize(-65)
for gid, (soma, _) in cells.items():
    soma.v = -30 if gid == 0 else -65 - gid
h.finitialize()
pc.psolve(60)
pc.barrier()
h.quit()
