"""Two connected cells that get no input and never fire."""

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
cells, kept = {}, []
for gid in range(int(pc.id()), 2, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
    cells[gid] = (soma, synapse)
for gid, (_, synapse) in cells.items():
    connection = pc.gid_connect(1 - gid, synapse)
    connection.weight[0], connection.delay = 0.02, 2
    kept.append(connection)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(50)
if pc.id() == 0:
    print(f"no_spikes: t = {h.t:g} ms, v = {cells[0][0](0.5).v:.6f} mV", flush=True)
pc.barrier()
h.quit()
