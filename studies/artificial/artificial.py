"""A network of artificial cells (IntFire4): no membrane to integrate, nearly all the time goes into the event queue.

    mpiexec -n 2 python artificial.py --tstop 1000
    python artificial.py --cells 200 --spikes raster.txt

Four of five cells excite, the others inhibit; a Poisson drive keeps every cell going. The model is the same on any
number of ranks: every random number comes from a Random123 stream keyed by gid. IntFire4 is built into NEURON, so that
nothing needs compiling. Times are in ms, weights in units of the threshold.
"""

import argparse
import time

from neuron import h

h.load_file("stdrun.hoc")

SOURCES, DELAYS, DRIVE = 1, 2, 3  # the second key of the Random123 streams: (gid, what it is for, seed)
EXCITATORY = 0.8  # share of the cells
EXCITATION, INHIBITION = 0.02, -0.08
DRIVE_WEIGHT, DRIVE_INTERVAL = 0.35, 8.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=1000, help="number of cells (1000)")
    parser.add_argument("--inputs", type=int, default=60, help="connections onto each cell (60)")
    parser.add_argument("--delay", type=float, nargs=2, default=(1.0, 5.0), metavar=("MIN", "MAX"), help="(1 5 ms)")
    parser.add_argument("--tstop", type=float, default=1000.0, help="simulated time (1000 ms)")
    parser.add_argument("--dt", type=float, default=0.025, help="time step (0.025 ms)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another network (1)")
    parser.add_argument("--spikes", metavar="FILE", help="write the raster here: a line 'time gid' a spike, sorted")
    parser.add_argument("--time", action="store_true", help="add the wall time of set-up and run to the summary")
    args = parser.parse_args()
    if args.inputs >= args.cells:
        parser.error("--inputs must be fewer than --cells: a cell has no connection onto itself, and none twice")
    return args


def stream(gid, purpose, seed):
    random = h.Random()
    random.Random123(gid, purpose, seed)
    return random


class Network:
    """The cells and connections of this rank; gids are dealt out in turn."""

    def __init__(self, pc, args):
        self.cells = {}
        self.kept = []
        for gid in range(int(pc.id()), args.cells, int(pc.nhost())):
            cell = self.cells[gid] = h.IntFire4()
            cell.taue, cell.taui1, cell.taui2, cell.taum = 3, 5, 10, 30
            pc.set_gid2node(gid, pc.id())
            pc.cell(gid, h.NetCon(cell, None))
        for gid, cell in self.cells.items():
            self.connect(pc, gid, cell, args)
            self.drive(gid, cell, args.seed)

    def connect(self, pc, gid, cell, args):
        """Connections from `inputs` other cells, with random delays on the grid of 0.025 ms."""
        pick, delays = stream(gid, SOURCES, args.seed), stream(gid, DELAYS, args.seed)
        sources = set()
        while len(sources) < args.inputs:
            sources.add(int(pick.discunif(0, args.cells - 1)))
            sources.discard(gid)
        for source in sorted(sources):
            connection = pc.gid_connect(source, cell)
            connection.weight[0] = EXCITATION if source < EXCITATORY * args.cells else INHIBITION
            connection.delay = round(delays.uniform(*args.delay) / 0.025) * 0.025
            self.kept.append(connection)

    def drive(self, gid, cell, seed):
        stimulus = h.NetStim()
        stimulus.interval, stimulus.number, stimulus.start, stimulus.noise = DRIVE_INTERVAL, 1e9, 0, 1
        stimulus.noiseFromRandom123(gid, DRIVE, seed)
        connection = h.NetCon(stimulus, cell)
        connection.weight[0], connection.delay = DRIVE_WEIGHT, 1
        self.kept += [stimulus, connection]


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
    connections = int(pc.allreduce(len(network.kept) - len(network.cells), 1))  # a stimulus a cell is kept too
    if pc.id() == 0:
        wall = f", set-up {ready - began:.2f} s, run {done - ready:.2f} s" if args.time else ""
        print(
            f"artificial: {args.cells} cells, {connections} connections, "
            f"{int(pc.nhost())} ranks, {spikes} spikes in {h.t:g} ms{wall}",
            flush=True,
        )
    pc.barrier()
    h.quit()


if __name__ == "__main__":
    main()
