"""The author records spikes into vectors, and handles them afterwards in one of several ways.

python handles_vectors.py WAY THREADS
"""

import sys

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
way = sys.argv[1]
kept = []
for gid in range(int(pc.id()), 4, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.2 + 0.05 * gid
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
    kept.append((soma, clamp, gid))
pc.nthread(int(sys.argv[2]))


def record():
    """The vectors of times, and the one of ids where there is one."""
    if way == "one-for-each-cell":
        vectors = [h.Vector() for _ in kept]
        for vector, (_, _, gid) in zip(vectors, kept, strict=True):
            pc.spike_record(gid, vector, h.Vector())
        return vectors
    times, ids = h.Vector(), h.Vector()
    if way == "own-numbers":
        for number, (_, _, gid) in enumerate(kept):
            pc.gid_connect(gid, h.IntFire1()).record(times, ids, 100 + number)
    else:
        pc.spike_record(-1, times, ids)
    return [times, ids]


def simulate():
    constant = h.Vector([0, 1, 2, 3])  # could be gids
    vectors = record()
    pc.set_maxstep(10)
    h.stdinit()
    pc.psolve(40)
    found = sorted(zip(*vectors, strict=True)) if way != "one-for-each-cell" else [list(vector) for vector in vectors]
    if way == "emptied":
        vectors[0].resize(0)
    if way == "sorted":
        vectors[1].sort()
    if way == "left-alone":
        kept.append(vectors)
    return found, list(constant)


for _ in range(2 if way == "two-runs" else 1):
    print(simulate(), flush=True)
pc.barrier()
h.quit()
