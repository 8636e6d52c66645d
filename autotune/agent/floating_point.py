"""How the processor rounds in this process: what a library can change for all others merely by being loaded.

Linked with -ffast-math, a library brings a piece of code that sets flush-to-zero when it is loaded (GCC's
crtfastmath.o): from then on NEURON's own sums and the user's are rounded otherwise, too.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Optional

# MXCSR: flush-to-zero, both bits of the rounding mode, denormals-are-zero. The others mask and count exceptions.
ROUNDING = 0x8000 | 0x6000 | 0x0040
MXCSR_WORD = 7  # of fenv_t: glibc and musl save it behind the 28 bytes of the x87
FENV_WORDS = 8


def rounding() -> Optional[int]:
    """The bits of MXCSR that change results, of this thread; None where they cannot be read (x86-64 and Linux only)."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return None
    environment = (ctypes.c_uint32 * FENV_WORDS)()
    ctypes.CDLL("libm.so.6").fegetenv(environment)
    return int(environment[MXCSR_WORD]) & ROUNDING
