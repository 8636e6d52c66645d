"""A pair of cells; prints its step, its spikes and what it reads from standard input, and ends with exit code 7."""

import sys

from neuron import h

h.load_file("stdrun.hoc")
if "mpi" in sys.argv:
    h.nrnmpi_init()
pc = h.ParallelContext()
cell = h.Section(name="cell")
cell.L = cell.diam = 20
cell.insert("hh")
stim = h.IClamp(cell(0.5))
stim.delay, stim.dur, stim.amp = 1, 30, 0.5
spikes = h.Vector()
source = h.NetCon(cell(0.5)._ref_v, None, sec=cell)
gid = int(pc.id())
pc.set_gid2node(gid, gid)
pc.cell(gid, source)
pc.spike_record(gid, spikes, h.Vector())
pc.set_maxstep(10)
h.stdinit()
pc.psolve(30)
if gid == 0:
    print(f"dt {h.dt:g} ranks {int(pc.nhost())} spikes {len(spikes)} read {sys.stdin.readline().strip()!r}", flush=True)
if "mpi" in sys.argv:
    pc.barrier()
    pc.done()
    h.quit()
sys.exit(7)
