"""Sixteen Hodgkin-Huxley cells in a ring, with two spikes going round: gids, psolve, one line at the end."""

import argparse
import sys

from neuron import h

h.load_file("stdrun.hoc")
parser = argparse.ArgumentParser()
parser.add_argument("--tstop", type=float, default=100.0)
parser.add_argument("--dt", type=float, default=0.025)
parser.add_argument("--cells", type=int, default=16)
parser.add_argument("--delay", type=float, default=2.0)
parser.add_argument("--maxstep", type=float, default=10.0)
parser.add_argument("--handler", action="store_true", help="set maxstep in a handler of its own")
parser.add_argument("--compress", type=int, default=0)
parser.add_argument("--quit", choices=["h.quit", "fall-off", "sysexit", "runworker"], default="h.quit")
args = parser.parse_args()

h.nrnmpi_init()
pc = h.ParallelContext()
cells, connections, stimuli = {}, [], []
for gid in range(int(pc.id()), args.cells, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    cells[gid] = (soma, synapse)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))

for gid, (_, synapse) in cells.items():
    connection = pc.gid_connect((gid - 1) % args.cells, synapse)
    connection.weight[0], connection.delay = 0.02, args.delay
    connections.append(connection)
    if gid % 8 == 0:
        stimulus = h.NetStim()
        stimulus.number, stimulus.start = 1, 1 + gid / 16
        kick = h.NetCon(stimulus, synapse)
        kick.weight[0], kick.delay = 0.02, 1
        stimuli.append((stimulus, kick))

times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
h.dt, h.steps_per_ms = args.dt, 1 / args.dt
pc.set_maxstep(args.maxstep)
if args.compress:
    pc.spike_compress(args.compress, 1)
if args.handler:
    handler = h.FInitializeHandler(3, lambda: pc.set_maxstep(args.maxstep))
h.stdinit()
pc.psolve(args.tstop)

spikes = int(pc.allreduce(len(times), 1))
if pc.id() == 0:
    print(f"small_ring: {spikes} spikes on {int(pc.nhost())} ranks, t = {h.t:g} ms", flush=True)
pc.barrier()

if args.quit == "h.quit":
    h.quit()
elif args.quit == "sysexit":
    sys.exit(0)
elif args.quit == "runworker":
    pc.runworker()
    pc.done()
    h.quit()
