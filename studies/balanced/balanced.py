"""A balanced network of excitatory and inhibitory Hodgkin-Huxley cells that fires irregularly by itself: chaos.

    mpiexec -n 2 python balanced.py --tstop 1000
    python balanced.py --cells 200 --spikes raster.txt

Conductance-based synapses on single compartments, in the style of the benchmark of Brette et al. (2007, J. Comput.
Neurosci. 23:349). Four fifths of the cells are excitatory; every cell hears a fixed number of others, drawn from a
Random123 stream keyed by its gid, so the model is the same on any number of ranks. There is no noise: a steady current
of another size into each cell keeps the network going. Built-in mechanisms only (hh, ExpSyn, IClamp). Lengths are in
um, times in ms, weights in uS, currents in nA.
"""

import argparse
import time

from neuron import h

h.load_file("stdrun.hoc")

WIRING, DRIVE, START, DELAYS = 1, 2, 3, 4  # the second key of the Random123 streams: (gid, what it is for, seed)
EXCITATORY_SHARE = 0.8
SYNAPSES = {"excitatory": (5.0, 0.0), "inhibitory": (10.0, -80.0)}  # tau in ms, reversal potential in mV


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=400, help="number of cells, four fifths of them excitatory (400)")
    parser.add_argument("--inputs", type=int, default=15, help="cells that each cell hears (15)")
    parser.add_argument("--excitation", type=float, default=0.004, help="weight of an excitatory input (0.004 uS)")
    parser.add_argument("--inhibition", type=float, default=0.03, help="weight of an inhibitory input (0.03 uS)")
    parser.add_argument(
        "--drive",
        type=float,
        nargs=2,
        default=(-0.05, 0.4),
        metavar=("LOW", "HIGH"),
        help="steady current (-0.05 0.4 nA)",
    )
    parser.add_argument(
        "--delays", type=int, nargs=2, default=(1, 5), metavar=("MIN", "MAX"), help="from cell to cell, whole ms (1 5)"
    )
    parser.add_argument("--tstop", type=float, default=1000.0, help="simulated time (1000 ms)")
    parser.add_argument("--dt", type=float, default=0.025, help="time step (0.025 ms)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another network (1)")
    parser.add_argument("--spikes", metavar="FILE", help="write the raster here: a line 'time gid' a spike, sorted")
    parser.add_argument("--time", action="store_true", help="add the wall time of set-up and run to the summary")
    args = parser.parse_args()
    if not 1 < args.inputs < args.cells:
        parser.error("--inputs must be at least 2 and below --cells")
    return args


class Cell:
    """One compartment with hh, one synapse of each kind and a steady current."""

    def __init__(self, gid, args):
        self.gid = gid
        self.soma = h.Section(name="soma", cell=self)
        self.soma.L = self.soma.diam = 30
        self.soma.insert("hh")
        self.synapses = {}
        for kind, (tau, reversal) in SYNAPSES.items():
            synapse = self.synapses[kind] = h.ExpSyn(self.soma(0.5))
            synapse.tau, synapse.e = tau, reversal
        self.current = h.IClamp(self.soma(0.5))
        self.current.delay = stream(gid, START, args.seed).uniform(0, 20)
        self.current.dur = 1e9
        self.current.amp = stream(gid, DRIVE, args.seed).uniform(*args.drive)

    def __repr__(self):
        return f"Cell[{self.gid}]"


class Network:
    """The cells and connections of this rank."""

    def __init__(self, pc, args):
        excitatory = round(args.cells * EXCITATORY_SHARE)
        self.cells = {}
        self.connections = []
        for gid in range(int(pc.id()), args.cells, int(pc.nhost())):
            cell = self.cells[gid] = Cell(gid, args)
            pc.set_gid2node(gid, pc.id())
            pc.cell(gid, h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma))
        for gid, cell in self.cells.items():
            delay = stream(gid, DELAYS, args.seed)
            delay.discunif(*args.delays)
            for source in sources(gid, args):
                kind, weight = (
                    ("excitatory", args.excitation) if source < excitatory else ("inhibitory", args.inhibition)
                )
                connection = pc.gid_connect(source, cell.synapses[kind])
                connection.weight[0], connection.delay = weight, delay.repick()
                self.connections.append(connection)


def stream(gid, purpose, seed):
    random = h.Random()
    random.Random123(gid, purpose, seed)
    return random


def sources(gid, args):
    """The cells that this one hears: all different, and not itself."""
    random = stream(gid, WIRING, args.seed)
    random.discunif(0, args.cells - 1)
    chosen = set()
    while len(chosen) < args.inputs:
        source = int(random.repick())
        if source != gid:
            chosen.add(source)
    return sorted(chosen)


def write_raster(pc, times, gids, file):
    """Gather the spikes of all ranks on rank 0, which writes them in order of time, then gid."""
    ranks = pc.py_gather([(t, int(gids[number])) for number, t in enumerate(times)], 0)
    if pc.id() == 0:
        with open(file, "w") as out:
            out.writelines(f"{t:.9f} {gid}\n" for t, gid in sorted(spike for rank in ranks for spike in rank))


def main():
    args = arguments()
    h.nrnmpi_init()
    pc = h.ParallelContext()
    began = time.perf_counter()
    network = Network(pc, args)
    times, gids = h.Vector(), h.Vector()
    pc.spike_record(-1, times, gids)
    h.dt, h.steps_per_ms = args.dt, 1 / args.dt

    pc.set_maxstep(10)
    h.stdinit()
    pc.barrier()
    ready = time.perf_counter()
    pc.psolve(args.tstop)
    pc.barrier()
    done = time.perf_counter()

    if args.spikes:
        write_raster(pc, times, gids, args.spikes)
    spikes = int(pc.allreduce(len(times), 1))
    connections = int(pc.allreduce(len(network.connections), 1))
    if pc.id() == 0:
        wall = f", set-up {ready - began:.2f} s, run {done - ready:.2f} s" if args.time else ""
        print(
            f"balanced: {args.cells} cells, {connections} connections, {int(pc.nhost())} ranks, "
            f"{spikes} spikes in {h.t:g} ms{wall}",
            flush=True,
        )
    pc.barrier()
    h.quit()


if __name__ == "__main__":
    main()
