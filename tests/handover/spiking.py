"""Artificial cells that spike by themselves, half of them on each of two ranks, beside one real cell each rank.

Arguments: `mpi`, `--cells N`, `--tstop MS`, `--own FOLDER` (keep the spikes in vectors of our own too, and write them
there), `--without-gid`, `--wait FILE` (be there, and wait at the end of the run).
"""

import argparse
import time
from pathlib import Path

import numpy as np
from neuron import h

h.load_file("stdrun.hoc")
parser = argparse.ArgumentParser()
parser.add_argument("mpi", nargs="?")
parser.add_argument("--cells", type=int, default=20)
parser.add_argument("--tstop", type=float, default=20.0)
parser.add_argument("--own")
parser.add_argument("--without-gid", action="store_true")
parser.add_argument("--wait")
given = parser.parse_args()
if given.mpi:
    h.nrnmpi_init()
pc = h.ParallelContext()
rank, ranks = int(pc.id()), int(pc.nhost())
kept = []
for gid in range(rank, given.cells, ranks):
    cell = h.IntFire2() if given.without_gid else h.NetStim()
    source = h.NetCon(cell, None)
    if given.without_gid:
        cell.ib = 2 + 0.01 * gid  # spikes by itself
        cell.taus = 5
    else:
        cell.interval, cell.number, cell.start, cell.noise = 0.05 + 0.001 * (gid % 7), 1e9, 0.1, gid % 2
        pc.set_gid2node(gid, rank)
        pc.cell(gid, source)
    kept.append((cell, source))
soma = h.Section(name="soma")
soma.insert("hh")
clamp = h.IClamp(soma(0.5))
clamp.delay, clamp.dur, clamp.amp = 1 + rank, 100, 10
voltage, current = h.Vector(), h.Vector()
voltage.record(soma(0.5)._ref_v, sec=soma)
current.record(clamp._ref_i, sec=soma)
voltage.label("soma")
times, gids = h.Vector(), h.Vector()
if given.own:
    pc.spike_record(-1, times, gids)
pc.set_maxstep(1)
h.stdinit()
pc.psolve(given.tstop)
if given.own:
    np.savez(Path(given.own, f"own-{rank}.npz"), gid=np.array(gids), time_ms=np.array(times), v=np.array(voltage))
if given.wait:
    Path(f"{given.wait}.{rank}").touch()
    time.sleep(600)
pc.barrier()
if given.mpi:
    pc.done()
    h.quit()
