"""Builds a cell, then waits for ever, before the run starts. Says when it begins to wait."""

import time

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
soma = h.Section(name="soma")
soma.insert("hh")
print(f"rank {int(pc.id())}: waiting", flush=True)
while True:
    time.sleep(0.2)
