"""The C++ objects behind all hoc objects of one class, without holding any: a reference of ours would keep alive, count
and number what the model drops.

What is to be read from an object that the model drops is read as it dies: the class's destructor (hocdec.h) is replaced
by one that reads first, until release(). That must happen before Python ends.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from ctypes import c_void_p
from typing import Any, Callable, List, Optional

from .library import Library, Object, newest_first

_DESTRUCTOR = ctypes.CFUNCTYPE(None, c_void_p)


class Instances:
    """The objects of one class, by the addresses of their C++ objects."""

    def __init__(self, library: Library, kind: str, dies: Callable[[int], Any]) -> None:
        """`dies` is called with each that dies between watch() and release(); what it raises is lost."""
        self._template = library.template(kind)
        self._dies = dies
        self._theirs: Optional[int] = None
        self._ours = _DESTRUCTOR(self._destroy)
        self.known = self._template is not None

    def alive(self) -> List[int]:
        """In the order in which they were made."""
        assert self._template is not None
        found = [Object.from_address(item.element).this for _, item in newest_first(self._template)]
        return [address for address in reversed(found) if address]

    def watch(self) -> None:
        """From now on, read those that die."""
        if self._template is not None and self._theirs is None:
            self._theirs = self._template.destructor
            self._template.destructor = ctypes.cast(self._ours, c_void_p).value

    def release(self) -> None:
        """Leave the class as it was."""
        if self._template is not None and self._theirs is not None:
            self._template.destructor, self._theirs = self._theirs, None

    def _destroy(self, address: int) -> None:
        destroy = _DESTRUCTOR(self._theirs or 0)
        with suppress(Exception):  # nothing can be raised through NEURON
            self._dies(address)
        destroy(address)
