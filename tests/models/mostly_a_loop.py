"""One cell that runs a few ms in psolve and then long in a loop of fadvance."""

from neuron import h

h.load_file("stdrun.hoc")
pc = h.ParallelContext()
soma = h.Section(name="soma")
soma.L = soma.diam = 20
soma.insert("hh")
clamp = h.IClamp(soma(0.5))
clamp.dur, clamp.amp = 1e9, 0.3
pc.set_gid2node(0, pc.id())
pc.cell(0, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
pc.set_maxstep(10)
h.stdinit()
pc.psolve(5)
while h.t < 500 - h.dt / 2:
    h.fadvance()
h.quit()
