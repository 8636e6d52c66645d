"""A chain of three cells without gids, whose spikes are recorded in the way that the command line names.

It prints how many spikes each cell made; `many` is another model, of 450 cells with 202,052 connections.
"""

import sys

from neuron import h

h.load_file("stdrun.hoc")
way = sys.argv[1]


def record(soma):
    times = h.Vector()
    netcon = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
    netcon.record(times)
    return times, netcon


def chain():
    somas, synapses = [h.Section(name=f"soma{number}") for number in range(3)], []
    for soma in somas:
        soma.L = soma.diam = 20
        soma.insert("hh")
        synapses.append(h.ExpSyn(soma(0.5)))
    clamp = h.IClamp(somas[0](0.5))
    clamp.dur, clamp.amp = 1e9, 0.3
    connections = [h.NetCon(a(0.5)._ref_v, b, sec=a) for a, b in zip(somas, synapses[1:], strict=False)]
    for connection in connections:
        connection.delay, connection.weight[0] = 2, 0.05
    return somas, synapses, clamp, connections


def many():
    cells, stimulus = [h.IntFire1() for _ in range(450)], h.NetStim()
    stimulus.number, stimulus.start = 1, 1
    netcons = [h.NetCon(a, b) for a in cells[:-1] for b in cells[:-1]]
    for netcon in netcons:
        netcon.weight[0] = 0
    netcons += [h.NetCon(stimulus, cell) for cell in cells]
    for netcon in netcons[-450:]:
        netcon.weight[0] = 2
    netcons.append(h.NetCon(cells[-1], cells[0]))
    return cells, stimulus, netcons


h.tstop = 50
if way == "many":
    network = many()
    h.run()
    h.quit()
somas, synapses, clamp, connections = chain()
if way == "initialised_first":
    h.stdinit()
recorded = [record(soma) for soma in somas[:2]]
if way == "late":
    h.stdinit()
recorded.append(record(somas[2]))
times = [vector for vector, _ in recorded]
if way == "dropped":
    del recorded
if way == "from_nowhere":
    kick = h.NetCon(None, synapses[2])
    kick.weight[0] = 0.05
    handler = h.FInitializeHandler(lambda: kick.event(1))
if way == "late":
    h.continuerun(50)
else:
    h.run()
if way == "built_anew":
    del recorded, times, connections, clamp, synapses, somas
    somas, synapses, clamp, connections = chain()
    recorded = [record(soma) for soma in somas]
    times = [vector for vector, _ in recorded]
    h.run()
print([len(vector) for vector in times])
h.quit()
