"""Rings of multi-compartment Hodgkin-Huxley cells with random dendrites: each ring hands a spike around for ever.

    mpiexec -n 2 python ring.py --tstop 350
    python ring.py --rings 4 --spikes raster.txt

The model is the same on any number of ranks: every random number comes from a Random123 stream keyed by gid. Built-in
mechanisms only (hh, pas, ExpSyn, NetStim), so nothing needs compiling. Lengths are in um, times in ms, weights in uS.
"""

import argparse
import time

from neuron import h

h.load_file("stdrun.hoc")

TREE, BACKGROUND, PACE = 1, 2, 3  # the second key of the Random123 streams: (gid, what it is for, seed)
RING_WEIGHT = 0.03  # several times what a cell at rest needs to fire
BACKGROUND_WEIGHT = 0.0005  # shifts a spike, never makes one
BACKGROUND_INTERVAL = 10.0  # mean, in ms
PACE_JITTER = 0.83  # mean of the random part of the interval between its events, in ms
START = 1.0  # when the first ring is set going, in ms; the last one follows within 1 ms
LATENCY = 0.9  # from the arrival of a spike to the spike that it makes, in ms, roughly
LEAD = 3.5  # the pacemaker is ahead of the circulating spike by this much, in ms, which then finds the cell refractory


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rings", type=int, default=16, help="number of rings (16)")
    parser.add_argument("--cells", type=int, default=8, help="cells in each ring, 4 or more (8)")
    parser.add_argument(
        "--branches", type=int, nargs=2, default=(8, 16), metavar=("MIN", "MAX"), help="dendrites of a cell (8 16)"
    )
    parser.add_argument("--compartments", type=int, default=6, help="compartments of each dendrite (6)")
    parser.add_argument("--delay", type=float, default=3.0, help="from cell to cell, a multiple of dt (3 ms)")
    parser.add_argument("--tstop", type=float, default=350.0, help="simulated time (350 ms)")
    parser.add_argument("--dt", type=float, default=0.025, help="time step (0.025 ms)")
    parser.add_argument("--seed", type=int, default=3, help="another seed is another network (3)")
    parser.add_argument("--spikes", metavar="FILE", help="write the raster here: a line 'time gid' a spike, sorted")
    parser.add_argument("--time", action="store_true", help="add the wall time of set-up and run to the summary")
    args = parser.parse_args()
    if args.cells < 4:
        parser.error("--cells must be 4 or more: a shorter ring brings the spike back while its cell is refractory")
    return args


class Cell:
    """A soma with hh, a random tree of passive dendrites, one synapse for the ring and one for the background."""

    def __init__(self, gid, branches, compartments, seed):
        self.gid = gid
        self.soma = h.Section(name="soma", cell=self)
        self.soma.L = self.soma.diam = 20
        self.soma.insert("hh")
        self.dendrites = []
        self.grow(branches, compartments, seed)
        self.ring_synapse = self.synapse(self.soma(0.5))
        self.background_synapse = self.synapse(self.dendrites[0](0.5))

    def __repr__(self):
        return f"Cell[{self.gid}]"

    def grow(self, branches, compartments, seed):
        """Add dendrites one by one, each at the end of the soma or of a dendrite that is there already."""
        random = h.Random()
        random.Random123(self.gid, TREE, seed)
        for number in range(int(random.discunif(*branches))):
            dendrite = h.Section(name=f"dend{number}", cell=self)
            parent = int(random.discunif(-1, number - 1))
            dendrite.connect((self.soma if parent < 0 else self.dendrites[parent])(1))
            dendrite.L = random.uniform(40, 120)
            dendrite.diam = random.uniform(0.6, 1.4)
            dendrite.nseg = compartments
            dendrite.insert("pas")
            dendrite.g_pas, dendrite.e_pas = 1e-4, -65
            self.dendrites.append(dendrite)

    @staticmethod
    def synapse(where):
        synapse = h.ExpSyn(where)
        synapse.tau, synapse.e = 2, 0
        return synapse

    def size(self):
        return 1 + sum(dendrite.nseg for dendrite in self.dendrites)


class Network:
    """The cells and connections of this rank; gids are dealt out in turn, so that neighbours sit on different ranks."""

    def __init__(self, pc, args):
        self.cells = {}
        self.connections = []
        self.stimuli = []
        for gid in range(int(pc.id()), args.rings * args.cells, int(pc.nhost())):
            cell = self.cells[gid] = Cell(gid, args.branches, args.compartments, args.seed)
            pc.set_gid2node(gid, pc.id())
            pc.cell(gid, h.NetCon(cell.soma(0.5)._ref_v, None, sec=cell.soma))
        for gid, cell in self.cells.items():
            ring, place = divmod(gid, args.cells)
            before = ring * args.cells + (place - 1) % args.cells
            self.join(pc.gid_connect(before, cell.ring_synapse), RING_WEIGHT, args.delay)
            self.drive(cell, args.seed)
            if place == 0:
                self.pace(cell, START + ring / args.rings, args.cells * (args.delay + LATENCY) - LEAD, args.seed)

    def join(self, connection, weight, delay):
        connection.weight[0], connection.delay = weight, delay
        self.connections.append(connection)

    def drive(self, cell, seed):
        """A Poisson background, too weak to fire the cell."""
        stimulus = h.NetStim()
        stimulus.interval, stimulus.number, stimulus.start, stimulus.noise = BACKGROUND_INTERVAL, 1e9, 0, 1
        stimulus.noiseFromRandom123(cell.gid, BACKGROUND, seed)
        self.stimuli.append(stimulus)
        self.join(h.NetCon(stimulus, cell.background_synapse), BACKGROUND_WEIGHT, 1)

    def pace(self, cell, start, interval, seed):
        """Set the ring going, and hold it to its rhythm: each event comes a little before the spike has gone round."""
        stimulus = h.NetStim()
        stimulus.start, stimulus.interval, stimulus.number, stimulus.noise = (
            start,
            interval,
            1e9,
            PACE_JITTER / interval,
        )
        stimulus.noiseFromRandom123(cell.gid, PACE, seed)
        self.stimuli.append(stimulus)
        self.join(h.NetCon(stimulus, cell.ring_synapse), RING_WEIGHT, 1)


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
    compartments = int(pc.allreduce(sum(cell.size() for cell in network.cells.values()), 1))
    if pc.id() == 0:
        wall = f", set-up {ready - began:.2f} s, run {done - ready:.2f} s" if args.time else ""
        print(
            f"ring: {args.rings * args.cells} cells, {compartments} compartments, {int(pc.nhost())} ranks, "
            f"{spikes} spikes in {h.t:g} ms{wall}",
            flush=True,
        )
    pc.barrier()
    h.quit()


if __name__ == "__main__":
    main()
