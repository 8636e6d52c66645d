"""Three cells that fire, counted by APCount alone: no NetCon has a voltage for its source, and no cell has a gid."""

from neuron import h

h.load_file("stdrun.hoc")
kept = []
for number in range(3):
    soma, dendrite = (h.Section(name=f"{name}{number}") for name in ("soma", "dendrite"))
    dendrite.connect(soma)
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 1e9, 10
    kept.append((soma, dendrite, clamp, h.APCount(soma(0.5))))
h.tstop = 20
h.run()
print(f"{sum(int(count.n) for *_, count in kept)} spikes", flush=True)
