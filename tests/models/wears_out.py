"""A model that is another one at its second start: a handler of its own adds to a stimulus at each initialisation.

--streams, --weights, --hoc and --python change what the tuner puts back instead: the position of a random stream, a
weight (by an event in the run), a hoc variable (the position that mcell_ran4 is given) and Python's own random numbers.
"""

import argparse
import random

from neuron import h

parser = argparse.ArgumentParser()
parser.add_argument("--streams", action="store_true")
parser.add_argument("--weights", action="store_true")
parser.add_argument("--hoc", action="store_true")
parser.add_argument("--python", action="store_true")
args = parser.parse_args()

h.nrnmpi_init()
random.seed(7)
h("position = 100")
pc = h.ParallelContext()
cells, connections = {}, []
for gid in range(int(pc.id()), 4, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1 + gid / 4, 1e9, 0.2
    stream = h.Random()
    stream.Random123(gid, 1, 2)
    stream.uniform(0.1, 0.4)
    cells[gid] = (soma, synapse, clamp, stream)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse, _, _) in cells.items():
    connection = pc.gid_connect((gid - 1) % 4, synapse)
    connection.weight[0], connection.delay = 0.02, 4
    connections.append(connection)


def begin():
    for _, _, clamp, stream in cells.values():
        if args.streams:
            clamp.amp = stream.repick()
        elif args.hoc:
            clamp.amp = h.mcell_ran4(h._ref_position, 0.1, 0.4)
        elif args.python:
            clamp.amp = random.uniform(0.1, 0.4)
        elif not args.weights:
            clamp.amp += 0.05


def strengthen():
    for connection in connections:
        connection.weight[0] *= 1.5


later = h.FInitializeHandler(3, begin)
cvode = h.CVode()
if args.weights:
    events = h.FInitializeHandler(2, lambda: cvode.event(10, strengthen))
pc.set_maxstep(10)
h.finitialize(-65)
pc.psolve(40)
pc.barrier()
h.quit()
