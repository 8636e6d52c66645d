"""A ring that prints all that NEURON can tell about itself, names of objects and of everything in hoc included.

Every rank has a NetCon without a source, too. Arguments: `run`, `psolve`, `functions` (it is made, run and thrown
away in a function, twice) or `undetected` (a cell whose spikes an APCount counts and whose voltage is recorded); and
`save FILE` or `restore FILE` its state.
"""

import os
import sys

from neuron import h

h.nrnmpi_init()
h.load_file("stdrun.hoc")
CLASSES = [
    "CVode",
    "FInitializeHandler",
    "IntFire1",
    "List",
    "MechanismType",
    "NetCon",
    "NetStim",
    "PythonObject",
    "Random",
    "Vector",
]


def build_undetected():
    section, kept = h.Section(name="alone"), []
    section.L = section.diam = 20
    section.insert("hh")
    for number in range(2):
        clamp = h.IClamp(section(0.5))
        clamp.delay, clamp.dur, clamp.amp = 5 + 20 * number, 1, 5
        kept += [clamp, h.APCount(section(0.5)), h.Vector().record(section(0.5)._ref_v)]
    return {0: (section, h.ExpSyn(section(0.5)))}, kept


def build(pc):
    rank, size = int(pc.id()), int(pc.nhost())
    cells, kept = {}, []
    for gid in range(rank, 8, size):
        section = h.Section(name=f"s{gid}")
        section.L = section.diam = 20
        section.insert("hh")
        cells[gid] = (section, h.ExpSyn(section(0.5)))
        pc.set_gid2node(gid, rank)
        pc.cell(gid, h.NetCon(section(0.5)._ref_v, None, sec=section))
    for gid, (_, synapse) in cells.items():
        netcon = pc.gid_connect((gid - 1) % 8, synapse)
        netcon.delay, netcon.weight[0] = 3, 0.05
        kept.append(netcon)
    if 0 in cells:
        stimulus = h.NetStim()
        stimulus.number, stimulus.start = 1, 1
        netcon = h.NetCon(stimulus, cells[0][1])
        netcon.weight[0] = 0.05
        kept += [stimulus, netcon]
    return cells, kept


def tell(pc, lists):
    rank = int(pc.id())
    cvode = h.CVode()
    print(rank, "names", sorted(dir(h)))
    print(rank, "lists", [int(known.count()) for known in lists])
    print(rank, "counts", [(name, int(h.List(name).count())) for name in CLASSES])
    made = [h.Vector(1), h.List(), h.NetStim(), h.Random(), h.IntFire1(), h.ParallelContext(), h.CVode()]
    made += [h.NetCon(made[2], made[4]), h.FInitializeHandler(lambda: None), h.MechanismType(0)]
    print(rank, "numbers", [thing.hname() for thing in made])
    h("strdef named")
    h("objref an_object")
    h.an_object = tell
    h('sprint(named, "%s", an_object)')
    print(rank, "PythonObject", h.named, "first Vector", list(h.List("Vector").o(0))[:5])
    statistics = h.Vector()
    cvode.spike_stat(statistics)
    print(rank, "queue", list(statistics))
    events = h.Vector()
    cvode.print_event_queue(events)
    print(rank, "events", list(events))
    print(rank, "netcons", int(cvode.netconlist("", "", "").count()))
    counts = [h.ref(0) for _ in range(4)]
    pc.spike_statistics(*counts)
    print(rank, "spikes", [count[0] for count in counts], h.t, h.dt, int(pc.nthread()), pc.set_maxstep(10))
    sys.stdout.flush()


def restore(file):
    state = h.SaveState()
    state.fread(h.File(file))
    state.restore(1)


def simulate(pc, how, way):
    network = build_undetected() if how == "undetected" else build(pc)
    vector = h.Vector(3, 7)
    histogram = h.Vector(100)
    if int(pc.id()) == 0:
        pc.max_histogram(histogram)
    lists = [h.List(name) for name in CLASSES]
    pc.set_maxstep(10)
    if "restore" in sys.argv:
        handler = h.FInitializeHandler(1, lambda: restore(way[-1] + str(int(pc.id()))))
    kick = h.NetCon(None, next(iter(network[0].values()))[1])
    if how == "psolve":
        h.finitialize(-65)
        pc.psolve(100 + h.t)
    else:
        h.tstop = 100
        h.run()
    handler = None
    if "save" in sys.argv:
        state = h.SaveState()
        state.save()
        state.fwrite(h.File(way[-1] + str(int(pc.id()))))
        print(int(pc.id()), "state", os.path.getsize(way[-1] + str(int(pc.id()))))
    print(int(pc.id()), "histogram", list(histogram), handler, vector, kick, network[0].keys())
    tell(pc, lists)


def main():
    how, *way = sys.argv[1:]
    for _ in range(2 if how == "functions" else 1):
        pc = h.ParallelContext()
        pc.gid_clear()
        simulate(pc, how, way)
    print(h.Vector(), h.ParallelContext())
    h.allobjects()
    pc.barrier()
    h.quit()


main()
