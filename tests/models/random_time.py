"""Four cells under a random background whose seed is the time of day: no two runs are the same."""

import time

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
seed = time.time_ns() % 1_000_000_007
cells, kept = {}, []
for gid in range(int(pc.id()), 4, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
    cells[gid] = (soma, synapse)
for gid, (_, synapse) in cells.items():
    stimulus = h.NetStim()
    stimulus.interval, stimulus.number, stimulus.start, stimulus.noise = 15, 1e9, 0, 1
    stimulus.noiseFromRandom123(gid, 1, seed)
    drive = h.NetCon(stimulus, synapse)
    drive.weight[0] = 0.02
    connection = pc.gid_connect((gid - 1) % 4, synapse)
    connection.weight[0], connection.delay = 0.001, 2
    kept += [stimulus, drive, connection]
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(100)
spikes = int(pc.allreduce(len(times), 1))
total = pc.allreduce(sum(times), 1)
if pc.id() == 0:
    print(f"random_time: {spikes} spikes, mean time {total / max(spikes, 1):.4f} ms", flush=True)
pc.barrier()
h.quit()
