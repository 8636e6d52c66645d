"""The agent's own objects and names, out of the model's sight.

NEURON numbers the objects of a class by a counter, and starts again at 0 when none is left; a model that prints a name,
or says `Vector[0]`, would notice every Vector of ours. So what the agent makes stands in no class's list, is not
counted, and gives its number back. Such an object lives until the process ends. Names of hoc procedures are taken out
of the list of names when they are defined. Where NEURON's structures are not as expected, everything stays visible, and
`complaint` says so.
"""

from __future__ import annotations

import ctypes
from typing import Any, Dict, List, Optional, Tuple

from .library import Item, Library, Object, Symbol, Symlist, Template, newest_first

CLASSES = (
    "CVode",
    "FInitializeHandler",
    "IntFire1",
    "List",
    "MechanismType",
    "NetCon",
    "ParallelContext",
    "PythonObject",
    "Random",
    "Vector",
)
"""All that the agent makes objects of."""


class Unseen:
    """`with unseen:` around whatever the agent does inside the user's process; the user's code must not run in it."""

    def __init__(self, h: Any, library: Library) -> None:
        self._h = h
        self._procedures: Dict[str, Any] = {}
        names = library.variable("hoc_top_level_symlist", ctypes.c_void_p)
        self._names = Symlist.from_address(names.value) if names is not None and names.value else None
        self._templates: List[Template] = []
        self._before: List[Tuple[Template, int, Optional[int]]] = []
        self._depth = 0
        found = [library.template(name) for name in CLASSES]
        templates = [template for template in found if template is not None]
        self.complaint = ""
        if (
            len(templates) == len(CLASSES)
            and self._names is not None
            and self._holds(templates[CLASSES.index("Vector")])
        ):
            self._templates = templates
        else:
            self.complaint = "objects and procedures of the agent are numbered and named among the model's own"

    def give_up(self) -> None:
        """This process is ours from here on, and the user's code may run inside: nothing needs to be hidden."""
        self._depth = 1
        self.__exit__()
        self._templates = []

    def procedure(self, name: str, text: str) -> Any:
        """The hoc procedure or function `name`, defined by `text` when it is first asked for."""
        if name not in self._procedures:
            last = None if self._names is None or self.complaint else self._names.last
            self._h(text)
            self._procedures[name] = getattr(self._h, name)
            if self._names is not None and last is not None:
                self._names.last = last
                Symbol.from_address(last).next = None
        return self._procedures[name]

    def __enter__(self) -> Unseen:
        self._depth += 1
        if self._depth == 1:
            self._before = [(template, template.index, template.observers) for template in self._templates]
            for template in self._templates:
                template.observers = None
        return self

    def __exit__(self, *_: Any) -> None:
        self._depth -= 1
        if self._depth == 0:
            for template, index, observers in self._before:
                _hide_from(template, index)
                template.index, template.observers = index, observers
            self._before = []

    def _holds(self, vectors: Template) -> bool:
        """Whether the structures are what we take them for: a new Vector must appear in them where it should."""
        index, count = vectors.index, vectors.count
        vector = self._h.Vector()
        if vector.hname() != "Vector[%d]" % index or (vectors.index, vectors.count) != (index + 1, count + 1):
            return False
        address, item = next(newest_first(vectors))
        made = Object.from_address(item.element)
        if (made.template, made.item) != (ctypes.addressof(vectors), address) or made.index != index:
            return False
        if not 1 <= made.refcount <= 2 or sum(1 for _ in newest_first(vectors)) != count + 1:
            return False
        del vector
        vectors.index = index
        return bool(vectors.count == count)


def _hide_from(template: Template, index: int) -> None:
    """Hide the objects of this number and later ones."""
    for address, item in newest_first(template):
        made = Object.from_address(item.element)
        if made.index < index:
            return
        made.refcount += 1  # for ever: an object that dies is taken off the count
        Item.from_address(item.prev).next, Item.from_address(item.next).prev = item.next, item.prev
        item.next = item.prev = address
        template.count -= 1
