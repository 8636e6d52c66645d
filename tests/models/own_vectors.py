"""The author records every spike with spike_record(-1, ...) and writes them to the file named on the command line.

python own_vectors.py FILE; rank 0 writes all ranks' spikes, and every rank says how many it had.
"""

import sys

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
count = 6
somas, clamps, connections = {}, [], []
for gid in range(int(pc.id()), count, int(pc.nhost())):
    soma = somas[gid] = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.2 + 0.05 * gid
    clamps.append(clamp)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for soma in somas.values():
    synapse = h.ExpSyn(soma(0.5))
    connection = pc.gid_connect(0, synapse)
    connection.weight[0], connection.delay = 0.001, 2
    connections.append((connection, synapse))

times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(50)

spikes = pc.py_gather([(t, int(gids[number])) for number, t in enumerate(times)], 0)
if pc.id() == 0:
    for rank, part in enumerate(spikes):
        print(f"rank {rank}: {len(part)} spikes", flush=True)
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w") as out:
            out.writelines(f"{t!r} {gid}\n" for t, gid in sorted(spike for part in spikes for spike in part))
pc.barrier()
h.quit()
