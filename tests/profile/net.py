"""A ring of cells on every rank, with one fault planted: python net.py FAULT. Without a fault it is already fine."""

import os
import signal
import sys

from neuron import h

h.load_file("stdrun.hoc")
fault = sys.argv[1] if len(sys.argv) > 1 else "none"
if fault != "serial":
    h.nrnmpi_init()
pc = h.ParallelContext()
rank, ranks = int(pc.id()), int(pc.nhost())
CELLS = 12


class Cell:
    def __init__(self, gid, segments):
        self.gid = gid
        self.soma = h.Section(name="soma", cell=self)
        self.soma.L = self.soma.diam = 20
        self.soma.nseg = segments
        self.soma.insert("hh")
        self.synapse = h.ExpSyn(self.soma(0.5))
        self.synapse.e = 0

    def __str__(self):
        return f"Cell[{self.gid}]"


def segments_of(gid):
    if fault == "loop":
        return 1
    return 191 if fault == "unbalanced" and gid % ranks == 0 and gid else 19


def look():
    global looked
    looked += sum(h.t * k for k in range(100))


def step():
    look()
    h.CVode().event(h.t + h.dt, step)


looked, cells, netcons = 0.0, {}, []
for gid in range(CELLS) if fault == "all build all" else range(rank, CELLS, ranks):
    cells[gid] = Cell(gid, segments_of(gid))
    if fault not in ("all build all", "no gids"):
        pc.set_gid2node(gid, rank)
        pc.cell(gid, h.NetCon(cells[gid].soma(0.5)._ref_v, None, sec=cells[gid].soma))
for gid, cell in cells.items():
    if fault in ("all build all", "no gids"):
        source = cells[(gid - 1) % CELLS].soma
        netcon = h.NetCon(source(0.5)._ref_v, cell.synapse, sec=source)
    else:
        netcon = pc.gid_connect((gid - 1) % CELLS, cell.synapse)
    netcon.weight[0], netcon.delay = 0.02, 2
    netcons.append(netcon)
if 0 in cells:
    stim = h.IClamp(cells[0].soma(0.5))
    stim.delay, stim.dur, stim.amp = 1, 2, 5
if fault == "dies":
    raise ValueError("half-way")
pc.set_maxstep(10)
h.tstop = 1500 if fault == "loop" else 200
if fault == "events":
    first = h.FInitializeHandler(step)
h.finitialize(-65)
if fault == "loop":
    while h.t < h.tstop - h.dt / 2:
        h.fadvance()
elif fault == "killed":
    pc.psolve(20)
    os.kill(os.getpid(), signal.SIGKILL)
elif fault == "callback":
    handler = h.FInitializeHandler(lambda: None)
    h.CVode().extra_scatter_gather(0, look)
    pc.psolve(h.tstop)
else:
    pc.psolve(h.tstop)
if fault == "output" and rank == 0:
    with open("results.txt", "w") as file:
        for line in range(60_000):
            file.write(" ".join("%.12f" % (line * k) for k in range(20)) + "\n")
pc.barrier()
pc.done()
h.quit()
