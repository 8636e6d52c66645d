"""NEURON's own library in this process: exported functions and variables, and the few structures that the agent reads.

The structures are those of NEURON's hocdec.h and hoclist.h, the same in 8.2 and 9. Whoever uses them must check first
that they hold here, and have another way, or say what is missing, where they do not. Nothing here changes anything.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import Structure, c_char_p, c_int, c_short, c_uint, c_void_p
from typing import Any, Iterator, List, Optional, Tuple


class Symbol(Structure):
    """A name of hoc. Pointers are addresses here and in what follows, None for none."""

    _fields_ = (
        ("name", c_char_p),
        ("type", c_short),
        ("subtype", c_short),
        ("cpublic", c_short),
        ("defined_on_the_fly", c_short),
        ("u", c_void_p),  # of a class: its Template
        ("s_varn", c_uint),
        ("arayinfo", c_void_p),
        ("extra", c_void_p),
        ("next", c_void_p),
    )


class Symlist(Structure):
    """Names in the order in which they were made."""

    _fields_ = (("first", c_void_p), ("last", c_void_p))


class Item(Structure):
    """A place in a ring, whose head holds no element."""

    _fields_ = (("element", c_void_p), ("next", c_void_p), ("prev", c_void_p))


class Template(Structure):
    """A class of hoc: the number of the next object, how many there are, and the ring of them."""

    _fields_ = (
        ("sym", c_void_p),
        ("symtable", c_void_p),
        ("dataspace_size", c_int),
        ("is_point", c_int),
        ("init", c_void_p),
        ("unref", c_void_p),
        ("index", c_int),
        ("count", c_int),
        ("objects", c_void_p),
        ("id", c_int),
        ("observers", c_void_p),  # lists that the user made by List("Vector") and keeps
        ("constructor", c_void_p),
        ("destructor", c_void_p),
    )


class Object(Structure):
    """An object of hoc."""

    _fields_ = (
        ("refcount", c_int),
        ("index", c_int),
        ("this", c_void_p),
        ("template", c_void_p),
        ("aliases", c_void_p),
        ("item", c_void_p),
    )


class Library:
    """What NEURON's library exports, by name."""

    def __init__(self) -> None:
        module = sys.modules.get("neuron.hoc") or sys.modules.get("hoc")
        self._library: Optional[ctypes.CDLL]
        try:
            self._library = ctypes.CDLL(getattr(module, "__file__", None))
        except OSError:
            self._library = None

    def function(self, *names: str, gives: Any = None, takes: Any = ()) -> Any:
        """The first function of these names (the versions mangle differently); None where there is none."""
        name = next((name for name in names if hasattr(self._library, name)), None)
        if name is None or self._library is None:
            return None
        return ctypes.CFUNCTYPE(gives, *takes)((name, self._library))

    def variable(self, name: str, kind: Any) -> Any:
        """A variable where it lies in memory; None where there is none."""
        try:
            return kind.in_dll(self._library, name) if self._library else None
        except ValueError:
            return None

    def template(self, name: str) -> Optional[Template]:
        """The class of this name, of those that come with NEURON; None where it cannot be found."""
        for table in ("hoc_built_in_symlist", "hoc_top_level_symlist"):
            address = self._symbol(table, name)
            symbol = Symbol.from_address(address) if address else None
            if symbol is not None and symbol.u:
                template = Template.from_address(symbol.u)
                if template.sym == address:
                    return template
        return None

    def offset(self, name: str) -> Optional[int]:
        """The place of a variable of the top level in its data (hocdec.h, Objectdata); None where there is none."""
        address = self._symbol("hoc_top_level_symlist", name)
        return c_int.from_address(address + Symbol.u.offset).value if address else None

    def _symbol(self, table: str, name: str) -> Optional[int]:
        """The address of the symbol of this name."""
        look_up = self.function(
            "hoc_table_lookup", "_Z16hoc_table_lookupPKcP7Symlist", gives=c_void_p, takes=(c_char_p, c_void_p)
        )
        names = self.variable(table, c_void_p)
        address: Optional[int] = None
        if look_up and names is not None and names.value:
            address = look_up(name.encode(), names)
        return address if address and Symbol.from_address(address).name == name.encode() else None


def object_behind(wrapper: Any) -> Optional[int]:
    """The address of the hoc object that one of NEURON's Python objects wraps, which the caller knows that it does."""
    return c_void_p.from_address(id(wrapper) + object.__basicsize__).value


def instance_of(wrapper: Any) -> Optional[int]:
    """The address of the C++ object of such a hoc object."""
    address = object_behind(wrapper)
    return Object.from_address(address).this if address else None


def newest_first(template: Template) -> Iterator[Tuple[int, Item]]:
    """Addresses and items of a class's objects, from the last on; an item may be taken out once it is given."""
    address = Item.from_address(template.objects).prev
    while address != template.objects:
        item = Item.from_address(address)
        before = item.prev
        yield address, item
        address = before


def addresses_in(vector: int) -> List[int]:
    """What a std::vector of pointers at this address holds."""
    begin, end = (c_void_p * 2).from_address(vector)
    if begin is None or end is None:
        return []
    return list((c_void_p * ((end - begin) // ctypes.sizeof(c_void_p))).from_address(begin))


def addresses_on(ring: int) -> List[int]:
    """What hangs on the ring with this head."""
    found = []
    item = Item.from_address(ring).next
    while item != ring:
        found.append(Item.from_address(item).element)
        item = Item.from_address(item).next
    return found
