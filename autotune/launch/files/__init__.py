"""The user's files stay what they are, whatever a trial writes and wherever it lies.

`choose` finds the best of three means that works here; each is a file of its own: overlay, preload, putback.
"""

from autotune.launch.files.choice import NAMES, Files, choose
from autotune.launch.files.start import Start, WroteElsewhere
from autotune.launch.files.store import Store

__all__ = ["NAMES", "Files", "Start", "Store", "WroteElsewhere", "choose"]
