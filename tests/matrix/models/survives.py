"""Python that asks hoc to ask Python for something that fails, and goes on."""

from neuron import h

h.load_file("stdrun.hoc")
soma = h.Section(name="soma")
soma.insert("hh")
h.tstop = 5
h.run()
h('nrnpython("1 / 0")')
print("went on", flush=True)
