"""Three cells in a chain on one process: no gids at all, NetCon.record vectors of the author's own, h.run()."""

from neuron import h

h.load_file("stdrun.hoc")
somas, synapses, connections, recorded = [], [], [], []
for number in range(3):
    soma = h.Section(name=f"soma{number}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    somas.append(soma)
    synapses.append(synapse)
for number, soma in enumerate(somas):
    target = synapses[number + 1] if number < 2 else None
    connection = h.NetCon(soma(0.5)._ref_v, target, sec=soma)
    connection.delay = 1.5
    if target is not None:
        connection.weight[0] = 0.02
    times = h.Vector()
    connection.record(times)
    connections.append(connection)
    recorded.append(times)

clamp = h.IClamp(somas[0](0.5))
clamp.delay, clamp.dur, clamp.amp = 2, 100, 0.3
h.tstop = 60
h.run()
for number, times in enumerate(recorded):
    print(f"cell {number}: {' '.join(f'{t:.3f}' for t in times)}")
