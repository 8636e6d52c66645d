"""Finds the settings that run a NEURON model fastest without changing its spikes, with proof."""

__version__ = "0.1.0"
