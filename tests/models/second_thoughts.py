"""Models that a replay may take for what they are not.

--lazy computes something from dt at its first start only; --after switches compression off between stdinit and psolve;
--init has an init() of its own, never called, that writes the file `touched`.
"""

import argparse

from neuron import h

h.load_file("stdrun.hoc")
parser = argparse.ArgumentParser()
parser.add_argument("--lazy", action="store_true")
parser.add_argument("--after", action="store_true")
parser.add_argument("--init", action="store_true")
args = parser.parse_args()

h.nrnmpi_init()
pc = h.ParallelContext()
cells, connections, factor = {}, [], []
for gid in range(int(pc.id()), 4, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur = 1 + gid, 1e9
    cells[gid] = (soma, synapse, clamp)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse, _) in cells.items():
    connection = pc.gid_connect((gid - 1) % 4, synapse)
    connection.weight[0], connection.delay = 0.001, 4
    connections.append(connection)


def set_currents():
    if not factor or not args.lazy:
        factor[:] = [h.dt / 0.025 if args.lazy else 1.0]
    for _, _, clamp in cells.values():
        clamp.amp = 0.2 * factor[0]


handler = h.FInitializeHandler(0, set_currents)
if args.init:
    h('proc init() { wopen("touched")  fprint("x\\n")  wopen()  finitialize(v_init) }')
pc.set_maxstep(10)
if args.init:
    h.finitialize(-65)
else:
    h.stdinit()
if args.after:
    pc.spike_compress(0)
pc.psolve(60)
pc.barrier()
h.quit()
