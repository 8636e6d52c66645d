"""For which processor mechanisms were compiled: nrnivmodl keeps no record of its flags, but the code shows it.

By itself nrnivmodl compiles at plain -O2, for any x86-64 processor: sums and products of doubles are instructions of
SSE2. With -march=native they are AVX, of which plain code has none. Must never claim anything of another architecture.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from pathlib import Path

from autotune.untrusted import BROKEN, bytes_of

MOST_BYTES = 1 << 28
# addsd, mulsd, subsd, divsd: Intel's manual, volume 2; with a VEX prefix of two bytes they are AVX.
SSE2 = re.compile(rb"\xf2[\x40-\x4f]?\x0f[\x58\x59\x5c\x5e]", re.DOTALL)
AVX = re.compile(rb"\xc5.[\x58\x59\x5c\x5e]", re.DOTALL)
NAMED = re.compile(r"^\s*(?:SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)\s+(\w+)", re.MULTILINE)


def for_any_processor(library: Path) -> bool:
    """Whether the code of a library of mechanisms uses no more of this processor than any x86-64 one has."""
    if platform.machine() != "x86_64":
        return False
    try:
        code = bytes_of(library, MOST_BYTES)
    except BROKEN:
        return False
    return len(SSE2.findall(code)) > len(AVX.findall(code))


def mechanism_names(mod_files: Iterable[Path]) -> tuple[str, ...]:
    """What the mechanisms of these files are called, sorted."""
    return tuple(sorted({name for file in mod_files for name in NAMED.findall(file.read_text(errors="replace"))}))
