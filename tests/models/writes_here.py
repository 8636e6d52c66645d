"""One firing cell; its spike times go to result.txt in the folder where this file lies."""

from pathlib import Path

from neuron import h

h.load_file("stdrun.hoc")
soma = h.Section(name="soma")
soma.L = soma.diam = 20
soma.insert("hh")
clamp = h.IClamp(soma(0.5))
clamp.delay, clamp.dur, clamp.amp = 1, 1e9, 0.3
connection = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
times = h.Vector()
connection.record(times)
h.tstop = 50
h.run()
Path(__file__).with_name("result.txt").write_text("".join(f"{t:.3f}\n" for t in times))
print(f"writes_here: {len(times)} spikes")
