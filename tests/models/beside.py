"""One cell that a NetStim drives, and one thing that the run does beside its spikes: the first argument says which.

What it did is printed at the end. With --function all is done in a function that ends before the process does.
"""

import argparse
import importlib
import socket
import sys
import time
import uuid

from neuron import h

h.nrnmpi_init()
h.load_file("stdrun.hoc")
parser = argparse.ArgumentParser()
parser.add_argument("kind")
parser.add_argument("--tstop", type=float, default=100)
parser.add_argument("--function", action="store_true")
arguments = parser.parse_args()
kind = arguments.kind.replace("-", " ")
pc = h.ParallelContext()
calls = []


def call():
    calls.append(h.t)


def call_again():
    calls.append(h.t)
    h.cvode.event(h.t + 1, call_again)


def register(cell, connection):
    """What NEURON is asked to do; returns what must live as long as the run."""
    v, made = h.Vector(), []
    if kind == "every step":
        h.cvode.extra_scatter_gather(0, call)
    elif kind == "gathered":
        h.cvode.extra_scatter_gather(1, call)
    elif kind == "supervised":
        from neuron import nonvint_block_supervisor

        nonvint_block_supervisor.register([None] * 4 + [lambda dt: call()] + [None] * 6)
    elif kind == "supervisor imported":
        importlib.import_module("neuron.nonvint_block_supervisor")
    elif kind == "rxd imported":
        importlib.import_module("neuron.rxd")
    elif kind == "rxd":
        from neuron import rxd

        where = rxd.Region([cell], nrn_region="i")
        made += [where, rxd.Species(where, name="x", initial=1)]
    elif kind == "again":
        made.append(h.FInitializeHandler(2, call_again))
    elif kind == "at the start":
        made.append(h.FInitializeHandler(2, call))
    elif kind == "hoc":
        h('calls = 0\nproc again() { calls += 1  cvode.event(t + 1, "again()") }')
        made.append(h.FInitializeHandler(2, "again()"))
    elif kind == "at a spike":
        made.append(h.NetCon(cell(0.5)._ref_v, None, sec=cell))
        made[-1].record(call)
    elif kind == "transition":
        made += [h.StateTransitionEvent(2), h.ref(0.0)]
        made[0].transition(0, 1, cell(0.5)._ref_v, made[1], call)
        made[0].transition(1, 0, made[1], cell(0.5)._ref_v, call)
    elif kind == "recorded":
        made += [h.Vector().record(cell(0.5)._ref_v), h.Vector().record(h._ref_t)]
    elif kind == "recorded at intervals":
        v.record(cell(0.5)._ref_v, 1.0)
    elif kind == "recorded at times":
        made.append(h.Vector([1, 2, 3.5, 50]))
        v.record(cell(0.5)._ref_v, made[0])
    elif kind == "a weight recorded":
        v.record(connection._ref_weight[0])
    elif kind in ("played", "played in steps"):
        clamp = h.IClamp(cell(0.5))
        clamp.dur = 1e9
        made += [clamp, h.Vector([0, 0.1, 0, 0.1]), h.Vector([0, 10, 20, 30])]
        if kind == "played":
            made[1].play(clamp._ref_amp, made[2], 1)
        else:
            made[1].play(clamp._ref_amp, 10.0)
    return [v, *made]


def run():
    cell = h.Section(name="cell")
    cell.L = cell.diam = 20
    cell.insert("hh")
    synapse = h.ExpSyn(cell(0.5))
    rank = int(pc.id())
    pc.set_gid2node(rank, rank)
    pc.cell(rank, h.NetCon(cell(0.5)._ref_v, None, sec=cell))
    stimulus = h.NetStim()
    stimulus.number, stimulus.start, stimulus.interval = 20, 1, 5
    connection = h.NetCon(stimulus, synapse)
    connection.weight[0] = 0.05
    spikes, gids = h.Vector(), h.Vector()
    keep = register(cell, connection)
    pc.spike_record(-1, spikes, gids)
    pc.set_maxstep(10)
    h.finitialize(-65)
    if kind == "put after the start":
        for t in range(100):
            h.cvode.event(t, call)
    elif kind == "registered after the start":
        h.cvode.extra_scatter_gather(0, call)
    started = time.time()
    pc.psolve(arguments.tstop)
    if kind == "talks":
        took = time.time() - started
        print(f"run on {socket.gethostname()}-{uuid.uuid4()} at {time.ctime()}: {took:.2f} s, {took:.0f} seconds")
        print(f"finished in {round(took, 1)} on {time.strftime('%Y-%m-%d %H:%M:%S')}", file=sys.stderr)
        sys.stdout.write("".join(f"\r{part:3d} %|{'#' * part}" for part in range(0, 101, 10)) + "\n")
        for line in sorted([f"part {uuid.uuid4().hex[:8]} of rank {rank}" for _ in range(3)]):
            print(line)
    if kind == "notices" and int(pc.optimize_node_order()):
        print("Warning: these nodes stand in another order")
    print("calls:", int(getattr(h, "calls", 0)) or len(calls), "values:", int(keep[0].size()))
    return [cell, synapse, stimulus, connection, spikes, gids, keep]


if arguments.function:
    run()
else:
    everything = run()
pc.barrier()
h.quit()
