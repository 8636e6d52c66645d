"""A ring of cells whose script relies on its own dt, as published ones do. It

* `counts` its steps, so that a run at half the dt ends at half the time,
* fills an `array` with a value a step, so that a run at half the dt ends in an IndexError,
* `asserts`, as PyNN does, that a recorded voltage is as long as its own dt makes it.
"""

import sys

from neuron import h

h.nrnmpi_init()
h.load_file("stdrun.hoc")
pc = h.ParallelContext()
way, DT, TSTOP = sys.argv[1], 0.025, 100
cells, kept = {}, []
for gid in range(int(pc.id()), 8, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    cells[gid] = (soma, h.ExpSyn(soma(0.5)))
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in cells.items():
    connection = pc.gid_connect((gid - 1) % 8, synapse)
    connection.weight[0], connection.delay = 0.05, 3
    kept.append(connection)
if 0 in cells:
    stimulus = h.NetStim()
    stimulus.number, stimulus.start = 1, 1
    first = h.NetCon(stimulus, cells[0][1])
    first.weight[0] = 0.05
some = next(iter(cells.values()))[0](0.5)
recorded = h.Vector().record(some._ref_v)
h.dt = DT
pc.set_maxstep(10)
h.finitialize(-65)
if way == "counts":
    for _ in range(round(TSTOP / DT)):
        h.fadvance()
elif way == "array":
    values, step = [0.0] * (round(TSTOP / DT) + 1), 0
    while h.t < TSTOP - DT / 2:
        values[step] = some.v
        step += 1
        h.fadvance()
else:
    pc.psolve(TSTOP)
    assert abs(len(recorded) * DT - h.t) < 3 * DT, "another number of samples than expected"
pc.barrier()
h.quit()
