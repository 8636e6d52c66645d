"""What the user calls a variable of the model that NEURON records: soma(0.5).v, soma(0.5).m_hh, ExpSyn[0].i.

A recorder knows only where the variable is. So the variables of the model are looked through until all are found, those
that are recorded most often first; what is not found (in a mechanism's array, in an artificial cell) keeps the number
of its Vector. Nothing is changed for it, and nothing is made in hoc.
"""

from __future__ import annotations

import re
from ctypes import c_void_p
from functools import cached_property
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from .simulator import Simulator

Place = Tuple[Optional[int], ...]
"""Where a variable is, in NEURON's words: an address (8.2), a row of a column (9)."""

MOST_LOOKED_AT = 300_000  # variables in a process; each costs below 1 us
WORDS_OF_A_REFERENCE = 3  # before the place, in Python's object of a reference: two of Python's, and hoc's object
VOLTAGES = ("v", "i_membrane_")
OF_NO_MECHANISM = ("cm", "diam")
_OBJECT = re.compile(r"<([\w.]*) object at 0x[0-9a-f]+>")


def words_of_a_place(sim: Simulator) -> int:
    """How many words say where a variable is."""
    return 1 if sim.version[0] < 9 else 4


class Names:
    """Those of one process, of which no more than so many variables are looked at."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._words = words_of_a_place(sim)
        self._left = MOST_LOOKED_AT

    def of(self, places: Iterable[Place]) -> Dict[Place, str]:
        """The names of these, as far as they are found."""
        wanted = {place for place in places if any(place)}
        found: Dict[Place, str] = {}
        if not wanted:
            return found
        told = Told(self._sim)
        for owner, prefix, names in self._variables(told):
            for name in names:
                place = self._place(owner, name)
                if place in wanted:
                    found.setdefault(place, "%s.%s" % (prefix(), name))
            self._left -= len(names)
            if self._left <= 0 or len(found) == len(wanted):
                break
        return found

    @property
    def all_looked_at(self) -> bool:
        """Whether what was not found is in no cell."""
        return self._left > 0

    def _variables(self, told: "Told") -> Iterator[Tuple[Any, Any, Sequence[str]]]:
        """What has variables, how it is called, and theirs."""
        sections = list(self._sim.h.allsec())
        for segment in (segment for section in sections for segment in section.allseg()):  # with those at 0 and 1
            yield segment, lambda each=segment: told.segment(each), VOLTAGES
        segments = [segment for section in sections for segment in section]
        of_a_class: Dict[str, List[str]] = {}
        for segment in segments:
            names = [variable.name() for mechanism in segment for variable in mechanism]
            yield segment, lambda each=segment: told.segment(each), [*names, *OF_NO_MECHANISM]
            for process in segment.point_processes():
                name = str(process)
                kind = name.split("[")[0]
                if kind not in of_a_class:
                    of_a_class[kind] = [each for each in dir(process) if not each.startswith("__")]
                yield process, lambda each=name: each, of_a_class[kind]

    def _place(self, owner: Any, name: str) -> Optional[Place]:
        try:
            reference = getattr(owner, "_ref_" + name)
        except (AttributeError, TypeError, LookupError, RuntimeError, ValueError):
            return None  # no variable, or none here
        words = WORDS_OF_A_REFERENCE + self._words
        if type(reference).__basicsize__ < words * 8:
            return None
        return tuple((c_void_p * words).from_address(id(reference)))[WORDS_OF_A_REFERENCE:]


class Told:
    """Segments as they are told: a cell that is an object of Python without a name of its own is its class and a
    number, in the order in which NEURON lists them.
    """

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def segment(self, segment: Any) -> str:
        """soma(0.5), or Cell[2].soma(0.5)."""
        return _OBJECT.sub(lambda found: self._numbers.get(found.group(0), found.group(1)), str(segment))

    @cached_property
    def _numbers(self) -> Dict[str, str]:
        """Of all such cells: found out when one of them is told, for most models have none."""
        found: Dict[str, str] = {}
        count: Dict[str, int] = {}
        for each in filter(None, (_OBJECT.match(str(section)) for section in self._sim.h.allsec())):
            if each.group(0) not in found:
                kind = each.group(1).split(".")[-1]
                number = count[kind] = count.get(kind, -1) + 1
                found[each.group(0)] = "%s[%d]" % (kind, number)
        return found
