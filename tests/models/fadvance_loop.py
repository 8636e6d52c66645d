"""One cell with a gid, advanced step by step in a Python loop."""

from neuron import h

h.load_file("stdrun.hoc")
pc = h.ParallelContext()
soma = h.Section(name="soma")
soma.L = soma.diam = 20
soma.insert("hh")
clamp = h.IClamp(soma(0.5))
clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.3
pc.set_gid2node(0, pc.id())
pc.cell(0, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
h.finitialize(-65)
while h.t < 50 - h.dt / 2:
    h.fadvance()
print(f"fadvance_loop: {len(times)} spikes, t = {h.t:g} ms")
