"""Rank 1 raises before psolve and catches nothing, while rank 0 waits for it in a barrier."""

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
gid = int(pc.id())
soma = h.Section(name=f"soma{gid}")
soma.insert("hh")
pc.set_gid2node(gid, pc.id())
pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
pc.set_maxstep(10)
if pc.id() == 1:
    raise ValueError("rank 1: synapse table has no column 'weight'")
pc.barrier()
h.stdinit()
pc.psolve(20)
print(f"rank {gid}: t = {h.t:g} ms", flush=True)
h.quit()
