"""Three cells and every way to end: ending.py WAY; `late` lets rank 1 work on after rank 0 is gone."""

import sys
import time

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
somas, clamps = {}, []
for gid in range(int(pc.id()), 3, int(pc.nhost())):
    soma = somas[gid] = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.3
    clamps.append(clamp)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.finitialize(-65)
pc.psolve(30)
total = int(pc.allreduce(len(times), 1))
if pc.id() == 0:
    print(f"{total} spikes", flush=True)
pc.barrier()

way = sys.argv[-1]  # nrniv -python puts its own words before ours
if way == "late" and pc.id() == 1:
    time.sleep(1.5)
elif way == "sys.exit":
    sys.exit(3)
elif way == "exception":
    raise ValueError("the author's own mistake")
elif way == "h.quit":
    h.quit()
elif way == "quit":
    h("quit()")
elif way == "runworker":
    pc.runworker()
    pc.done()
    h.quit()
elif way == "forget":  # what died before the end must not matter
    somas.clear()
    pc.gid_clear()
