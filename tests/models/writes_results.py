"""A ring of cells that keeps results: files of many formats, and, as its argument says, one thing that goes wrong.

sound: a trace on a grid of its own, spikes, a summary with the date and how long it took, a pickle.
counts-steps: an array that is filled step by step, as many steps as the user's dt makes.
interval: an array that is filled every 0.1 ms or after it, which needs a step that goes into that.
column: one column of the trace is another where the bin queue is on, or dt is larger.
only-at-first: a file that is not written at a larger dt.
any-order: each rank adds its rows to a file whenever it gets there.
"""

import datetime
import fcntl
import json
import math
import os
import pickle
import random
import sys
import time

import numpy as np
from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
kind, tstop, cells = sys.argv[1], 100.0, 8
began = time.time()
somata, kept = {}, []
for gid in range(int(pc.id()), cells, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    somata[gid] = (soma, synapse)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in somata.items():
    connection = pc.gid_connect((gid - 1) % cells, synapse)
    connection.weight[0], connection.delay = 0.02, 2
    kept.append(connection)
    if gid == 0:
        stimulus = h.NetStim()
        stimulus.number, stimulus.start = 1, 1
        kick = h.NetCon(stimulus, synapse)
        kick.weight[0], kick.delay = 0.02, 1
        kept += [stimulus, kick]

times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
first = next(iter(somata.values()))[0]
v, m = (h.Vector().record(getattr(first(0.5), name), 1.0) for name in ("_ref_v", "_ref_m_hh"))
pc.set_maxstep(10)
h.stdinit()
if kind == "counts-steps":
    lfp = np.zeros((int(tstop / 0.025), 2))
    step = 0
    while h.t < tstop - h.dt / 2:
        h.fadvance()
        if step < len(lfp):
            lfp[step] = first(0.5).v, first(0.5).i_cap
        step += 1
    np.save("lfp.npy", lfp)
elif kind == "interval":
    lfp = np.zeros((1000, 2))
    while h.t < tstop - h.dt / 2:
        for _ in range(math.ceil(0.1 / h.dt - 1e-9)):
            h.fadvance()
        lfp[min(round(10 * h.t), 1000) - 1] = first(0.5).v, first(0.5).i_cap
    np.save("lfp.npy", lfp)
else:
    pc.psolve(tstop)

if kind == "any-order":
    time.sleep(0.2 * random.random())
    with open("rows.txt", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for gid, (soma, _) in somata.items():
            file.write(f"{gid} {soma(0.5).v:.9g}\n")
elif pc.id() == 0:
    wrong = kind == "column" and (h.dt > 0.03 or h.cvode.queue_mode() & 1)
    with open("v.csv", "w") as file:
        file.write(f"# written on {datetime.datetime.now():%c}\nt,v,m\n")
        for t in range(len(v)):
            file.write(f"{t},{v[t]:.6f},{m[t] + (0.5 if wrong else 0):.6f}\n")
    with open("spikes.txt", "w") as file:
        for i in range(len(times)):
            file.write(f"{times[i]:.3f} {int(gids[i])}\n")
    with open("summary.json", "w") as file:
        took = time.time() - began
        json.dump({"date": str(datetime.date.today()), "took": took, "pid": os.getpid(), "cells": cells}, file)
    with open("results.pkl", "wb") as file:
        pickle.dump({"v": list(v), "took": took}, file)
    if kind == "only-at-first" and h.dt < 0.03:
        with open("extra.txt", "w") as file:
            file.write("1\n")
pc.barrier()
pc.done()
h.quit()
