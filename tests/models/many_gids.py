"""Four cells on rank 0 and three hundred on the last rank, all with output gids."""

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
rank, last = int(pc.id()), int(pc.nhost()) - 1
mine = (list(range(4)) if rank == 0 else []) + (list(range(4, 304)) if rank == last else [])
cells, kept = {}, []
for gid in mine:
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    cells[gid] = (soma, synapse)
    pc.set_gid2node(gid, rank)
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in cells.items():
    connection = pc.gid_connect((gid - 4) % 304 if gid < 4 else gid % 4, synapse)
    connection.weight[0], connection.delay = 0.02, 3
    kept.append(connection)
    if gid < 4:
        stimulus = h.NetStim()
        stimulus.number, stimulus.start = 1, 1 + gid
        kick = h.NetCon(stimulus, synapse)
        kick.weight[0] = 0.02
        kept += [stimulus, kick]
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(25)
spikes = int(pc.allreduce(len(times), 1))
if rank == 0:
    print(f"many_gids: {spikes} spikes, t = {h.t:g} ms", flush=True)
pc.barrier()
h.quit()
