"""Ends with an exception before anything is built."""

from neuron import h

raise FileNotFoundError(f"morphology cells.swc is not there (NEURON {h.nrnversion(0)})")
