"""A column of cells in layers: volleys of spikes climb from layer to layer, and local inhibition keeps them sharp.

    nrnivmodl mod
    mpiexec -n 2 python column.py --tstop 200
    python column.py --cells 8 --spikes raster.txt

Sodium, potassium and synapse are mod files of our own. No layer projects back, so that the column is not chaotic, and
every random number is keyed by gid, so that any number of ranks makes the same network. Lengths are in um, times in ms,
weights in uS.
"""

import argparse
import time

from neuron import h

h.load_file("stdrun.hoc")

WIRING, DRIVE = 1, 2  # the second key of the Random123 streams: (gid, what it is for, seed)
INHIBITORY = 5  # every fifth cell of a layer
FAN_IN = 8  # cells of the layer below, and as many of the own layer's inhibitory ones at most
EXCITATION, INHIBITION, KICK = 0.0035, 0.002, 0.03
DELAY = 1.5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=4, help="layers (4)")
    parser.add_argument("--cells", type=int, default=20, help="cells in each layer, 5 or more (20)")
    parser.add_argument("--dendrites", type=int, default=6, help="dendrites of a cell (6)")
    parser.add_argument("--compartments", type=int, default=9, help="compartments of each dendrite (9)")
    parser.add_argument("--tstop", type=float, default=200.0, help="simulated time (200 ms)")
    parser.add_argument("--dt", type=float, default=0.025, help="time step (0.025 ms)")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another network (1)")
    parser.add_argument("--spikes", metavar="FILE", help="write the raster here: a line 'time gid' a spike, sorted")
    parser.add_argument("--time", action="store_true", help="add the wall time of set-up and run to the summary")
    args = parser.parse_args()
    if not hasattr(h, "RiseFall"):
        parser.error("the mechanisms are not compiled: run nrnivmodl mod in this folder")
    return args


class Cell:
    """A soma and unbranched dendrites, all with sodium and potassium, and a synapse of each kind."""

    def __init__(self, gid, args):
        self.gid = gid
        self.soma = h.Section(name="soma", cell=self)
        self.soma.L = self.soma.diam = 18
        self.dendrites = [h.Section(name=f"dend{number}", cell=self) for number in range(args.dendrites)]
        for number, dendrite in enumerate(self.dendrites):
            dendrite.connect(self.soma(number % 2))
            dendrite.L, dendrite.diam, dendrite.nseg = 150 + 20 * number, 1.2, args.compartments
        for section in (self.soma, *self.dendrites):
            section.Ra, section.cm = 120, 1
            for mechanism in ("pas", "nafast", "kslow"):
                section.insert(mechanism)
            section.g_pas, section.e_pas = 5e-5, -68
            section.ena, section.ek = 55, -80
            at_soma = section is self.soma
            section.gbar_nafast, section.gbar_kslow = (0.12, 0.03) if at_soma else (0.008, 0.004)
        self.excitatory = [h.RiseFall(dendrite(0.3)) for dendrite in self.dendrites]
        self.inhibitory = h.RiseFall(self.soma(0.5))
        self.inhibitory.e, self.inhibitory.fall, self.inhibitory.use = -75, 6, 0.05

    def __repr__(self):
        return f"Cell[{self.gid}]"


class Network:
    """The cells and connections of this rank; gids are dealt out in turn."""

    def __init__(self, pc, args):
        self.connections, self.stimuli = [], []
        gids = range(int(pc.id()), args.layers * args.cells, int(pc.nhost()))
        self.cells = {gid: Cell(gid, args) for gid in gids}
        for gid, cell in self.cells.items():
            pc.set_gid2node(gid, pc.id())
            pc.cell(gid, h.NetCon(cell.soma(0.5)._ref_v, None, -10, 0, 0, sec=cell.soma))
        for gid, cell in self.cells.items():
            self.wire(pc, cell, gid // args.cells, args)

    def wire(self, pc, cell, layer, args):
        random = h.Random()
        random.Random123(cell.gid, WIRING, args.seed)
        random.discunif(0, args.cells - 1)
        for number in range(FAN_IN):
            synapse = cell.excitatory[number % len(cell.excitatory)]
            if layer == 0:
                if number < 2:
                    self.drive(cell, synapse, number, args)
                continue
            below = (layer - 1) * args.cells + int(random.repick())
            if below % INHIBITORY:
                self.join(pc.gid_connect(below, synapse), EXCITATION, DELAY)
        for neighbour in range(layer * args.cells, (layer + 1) * args.cells, INHIBITORY):
            if neighbour != cell.gid and cell.gid % INHIBITORY:
                self.join(pc.gid_connect(neighbour, cell.inhibitory), INHIBITION, DELAY)

    def drive(self, cell, synapse, number, args):
        """A volley every 25 ms or so to each cell of the lowest layer."""
        stimulus = h.NetStim()
        stimulus.start, stimulus.interval, stimulus.number, stimulus.noise = 3 + number, 25, 1e9, 0.1
        stimulus.noiseFromRandom123(cell.gid, DRIVE + number, args.seed)
        self.stimuli.append(stimulus)
        self.join(h.NetCon(stimulus, synapse), KICK, 1)

    def join(self, connection, weight, delay):
        connection.weight[0], connection.delay = weight, delay
        self.connections.append(connection)


def write_raster(pc, times, gids, file):
    """Gather the spikes of all ranks on rank 0, which writes them in order of time, then gid."""
    ranks = pc.py_gather([(t, int(gids[number])) for number, t in enumerate(times)], 0)
    if pc.id() == 0:
        with open(file, "w") as out:
            out.writelines(f"{t:.9f} {gid}\n" for t, gid in sorted(spike for rank in ranks for spike in rank))


def main():
    h.nrnmpi_init()
    args = arguments()
    pc = h.ParallelContext()
    began = time.perf_counter()
    network = Network(pc, args)
    times, gids = h.Vector(), h.Vector()
    pc.spike_record(-1, times, gids)
    h.dt, h.steps_per_ms, h.v_init = args.dt, 1 / args.dt, -68

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
    if pc.id() == 0:
        wall = f", set-up {ready - began:.2f} s, run {done - ready:.2f} s" if args.time else ""
        print(
            f"column: {args.layers} layers of {args.cells} cells, {int(pc.nhost())} ranks, {len(network.cells)} cells "
            f"here, {spikes} spikes in {h.t:g} ms{wall}",
            flush=True,
        )
    pc.barrier()
    h.quit()


if __name__ == "__main__":
    main()
