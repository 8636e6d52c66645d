"""A cell that fires from 1 ms on, with a neighbour, run in the way that the command line names, to t = 30 ms."""

import sys

from neuron import h

h.load_file("stdrun.hoc")
way = sys.argv[1]
cells, kept = [], []
pc, cvode = h.ParallelContext(), h.CVode()
if way == "early_finitialize":
    h.finitialize(-65)
for number in range(2):
    soma = h.Section(name=f"soma{number}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    cells.append(soma)
    pc.set_gid2node(number, pc.id())
    pc.cell(number, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
clamp = h.IClamp(cells[0](0.5))
clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.3
synapse = h.ExpSyn(cells[1](0.5))
connection = pc.gid_connect(0, synapse)
connection.weight[0], connection.delay = 0.02, 2
pc.set_maxstep(10)
h.tstop = 30

if way == "run":
    h.run()
elif way == "continuerun":
    h.stdinit()
    h.continuerun(10)
    h.continuerun(30)
elif way == "psolve":
    h.stdinit()
    pc.psolve(30)
elif way == "slices":
    h.stdinit()
    for stop in range(5, 31, 5):
        pc.psolve(stop)
elif way == "fadvance":
    h.finitialize(-65)
    while h.t < 30 - h.dt / 2:
        h.fadvance()
elif way == "cvode.solve":
    cvode.active(1)
    h.finitialize(-65)
    cvode.solve(30)
elif way == "variable_step":
    cvode.active(1)
    h.run()
elif way == "presimulation":
    h.finitialize(-65)
    h.t, step, h.dt = -200, h.dt, 1
    while h.t < -h.dt / 2:
        h.fadvance()
    h.t, h.dt = 0, step
    h.fcurrent()
    h.frecord_init()
    h.continuerun(30)
elif way == "early_finitialize":
    h.stdinit()
    pc.psolve(30)
elif way == "several":
    for _ in range(3):
        h.stdinit()
        pc.psolve(30)
print(f"t = {h.t:.6f}", flush=True)
