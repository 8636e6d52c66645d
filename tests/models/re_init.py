"""A silent cell under CVODE that is initialised as NEURON's manual says after a change: `cvode.re_init()`.

`late`: what it records it says only just before that.
"""

import sys

from neuron import h

h.load_file("stdrun.hoc")
soma = h.Section(name="soma")
soma.insert("hh")
h.cvode_active(1)
h.finitialize(-65)
times = h.Vector()
if "late" in sys.argv:
    times.record(h._ref_t)
h.cvode.re_init()
h.continuerun(20)
