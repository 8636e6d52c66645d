"""A ring of cells that reads ../cfg.json and writes its spikes to ../out, a file a rank; with a second word it is done
when its result is there.
"""

import json
import os
import sys

from neuron import h

h.nrnmpi_init()
h.load_file("stdrun.hoc")
pc = h.ParallelContext()
rank, ranks = int(pc.id()), int(pc.nhost())
with open(sys.argv[1]) as file:
    wanted = json.load(file)
result = f"../out/spikes_{rank}.txt"
when = sys.argv[2] if len(sys.argv) > 2 else "never"
if when == "before" and os.path.exists(result):
    print("skipped")
    sys.exit(0)

cells, keep = {}, []
for gid in range(rank, wanted["cells"], ranks):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    cells[gid] = (soma, synapse)
    pc.set_gid2node(gid, rank)
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in cells.items():
    connection = pc.gid_connect((gid - 1) % wanted["cells"], synapse)
    connection.weight[0], connection.delay = 0.05, 3.0
    keep.append(connection)
if 0 in cells:
    stimulus = h.NetStim()
    stimulus.number, stimulus.start = 1, 1
    kick = h.NetCon(stimulus, cells[0][1])
    kick.weight[0] = 0.05
    keep += [stimulus, kick]

times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.finitialize(-65)
if when == "after" and os.path.exists(result):
    print("skipped")
    sys.exit(0)
pc.psolve(wanted["tstop"])
with open(result, "w") as file:
    file.write("\n".join(f"{time:g} {gid:g}" for time, gid in zip(times, gids, strict=True)))
pc.barrier()
pc.done()
h.quit()
