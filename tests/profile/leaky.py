"""Two cells whose mechanisms cost one to ten, and assign a GLOBAL without THREADSAFE."""

from neuron import h

h.load_file("stdrun.hoc")
cells = [h.Section(name=f"cell{number}") for number in range(2)]
for cell in cells:
    cell.nseg = 11
    for name in ("hh", "cheap", "costly"):
        cell.insert(name)
stim = h.IClamp(cells[0](0.5))
stim.delay, stim.dur, stim.amp = 1, 1, 5
spikes = h.NetCon(cells[0](0.5)._ref_v, None, sec=cells[0])
pc = h.ParallelContext()
pc.set_maxstep(10)
h.finitialize(-65)
pc.psolve(80)
h.quit()
