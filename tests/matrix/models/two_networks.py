"""The author records all spikes, throws the network away, cell by cell, and builds and runs another one."""

import sys

from neuron import h

h.load_file("stdrun.hoc")
pc = h.ParallelContext()
pc.nthread(int(sys.argv[1]))


def simulate(current):
    somas, clamps, netcons = [], [], []
    times, gids = h.Vector(), h.Vector()
    for gid in range(4):
        soma = h.Section(name=f"soma{gid}")
        soma.L = soma.diam = 20
        soma.insert("hh")
        clamp = h.IClamp(soma(0.5))
        clamp.delay, clamp.dur, clamp.amp = 1, 1e9, current + 0.05 * gid
        pc.set_gid2node(gid, pc.id())
        netcon = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
        pc.cell(gid, netcon)
        somas.append(soma), clamps.append(clamp), netcons.append(netcon)
    source = h.NetStim()
    source.interval, source.number, source.noise = 1, 1e9, 0
    watched = h.NetCon(source, None)
    own = h.Vector()
    watched.record(own)
    pc.spike_record(-1, times, gids)
    pc.set_maxstep(10)
    h.finitialize(-65)
    pc.psolve(40)
    found = sorted(zip(times.to_python(), gids.to_python(), strict=True)) + [(t, -1) for t in own]
    pc.gid_clear()
    return found


for current in (0.2, 0.3):
    print(simulate(current), flush=True)
