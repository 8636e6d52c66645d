"""Traces: what a model recorded over time, as its ranks wrote it, and how far two of them are apart.

It measures; what is too far is decided in `verify`.
"""

from autotune.traces.error import Apart, Ruler, apart, depends
from autotune.traces.files import Key, Trace, Traces, TracesError, read_traces
from autotune.traces.pairing import pairs

__all__ = ["Apart", "Key", "Ruler", "Trace", "Traces", "TracesError", "apart", "depends", "pairs", "read_traces"]
