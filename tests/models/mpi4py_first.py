"""A two-cell loop whose author starts MPI through mpi4py, before neuron is imported, and gathers the spikes with it."""

from mpi4py import MPI
from neuron import h

comm = MPI.COMM_WORLD
pc = h.ParallelContext()
h.load_file("stdrun.hoc")

gid = int(pc.id())
following = (gid - 1) % int(pc.nhost())
soma = h.Section(name=f"soma{gid}")
soma.L = soma.diam = 20
soma.insert("hh")
synapse = h.ExpSyn(soma(0.5))
synapse.tau = 2
pc.set_gid2node(gid, pc.id())
pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
connection = pc.gid_connect(following, synapse)
connection.weight[0], connection.delay = 0.02, 6
stimulus = h.NetStim()
stimulus.number, stimulus.start = 1, 1
kick = h.NetCon(stimulus, synapse)
kick.weight[0] = 0.02 if gid == 0 else 0

times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(100)
everything = comm.gather(list(times), root=0)
if comm.rank == 0:
    print(f"mpi4py_first: world {comm.size}, nhost {int(pc.nhost())}, {sum(map(len, everything))} spikes", flush=True)
pc.barrier()
h.quit()
