"""Pairs of cells on one rank, the second driven by the first with delay 0; 3 ms between pairs, which are dealt out."""

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
pairs = 4
cells, kept = {}, []
for pair in range(int(pc.id()), pairs, int(pc.nhost())):
    for gid in (2 * pair, 2 * pair + 1):
        soma = h.Section(name=f"soma{gid}")
        soma.L = soma.diam = 20
        soma.insert("hh")
        synapse = h.ExpSyn(soma(0.5))
        synapse.tau = 2
        cells[gid] = (soma, synapse)
        pc.set_gid2node(gid, pc.id())
        pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in cells.items():
    follower = gid % 2 == 1
    connection = pc.gid_connect(gid - 1 if follower else (gid - 2) % (2 * pairs), synapse)
    connection.weight[0], connection.delay = 0.02, 0 if follower else 3
    kept.append(connection)
    if gid == 0:
        stimulus = h.NetStim()
        stimulus.number, stimulus.start = 1, 1
        kick = h.NetCon(stimulus, synapse)
        kick.weight[0] = 0.02
        kept += [stimulus, kick]
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(60)
spikes = int(pc.allreduce(len(times), 1))
if pc.id() == 0:
    print(f"zero_delay: {spikes} spikes, t = {h.t:g} ms", flush=True)
pc.barrier()
h.quit()
