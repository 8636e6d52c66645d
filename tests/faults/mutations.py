"""Files as nobody would write them: real ones with bytes, numbers, members and values changed, for the fuzzing tests.

Every strategy takes the real files as seeds and returns the bytes of one that was changed.
"""

from __future__ import annotations

import copy
import io
import json
import re
import struct
import zipfile
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

DEEP = 100_000
NUMBERS = [
    b"-1",
    b"0",
    b"1e999",
    b"-1e308",
    b"nan",
    b"inf",
    b"9" * 30,
    b"1" * 5000,
    b"1.5",
    b"0x10",
    b"18446744073709551616",
]
TOKENS = [
    *NUMBERS,
    b"[" * DEEP,
    b'{"a":' * DEEP,
    b"\0" * 100,
    b"\xff\xfe",
    b"\n" * 1000,
    b'"' + b"x" * 100_000 + b'"',
    b'"\\ud800"',
    b"null",
    b"true",
    b"../../../etc/passwd",
    b"; rm -rf x",
    b"a = " + b"[" * DEEP,
    b"[a.b.c]\n",
    b"<script>",
    b"{0.__class__}",
    b"%s%n",
]
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**63,
    10**30,
    10**400,
    1e308,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "x" * 100_000,
    "\ud800",
    "\0",
    "../../../etc/passwd",
    "; rm -rf x",
    "<script>",
    "{ranks}",
    "{0.__class__}",
    [],
    {},
    [[]],
    [None],
    ["x", 1],
    {"x": 1},
    [0] * 1000,
]
places = st.floats(0, 1, allow_nan=False)


def _spliced(data: bytes, at: float, length: int, new: bytes) -> bytes:
    begin = int(at * len(data))
    return data[:begin] + new + data[begin + length :]


def _numbered(data: bytes, at: float, new: bytes) -> bytes:
    found = list(re.finditer(rb"-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?", data))
    if not found:
        return data
    one = found[min(int(at * len(found)), len(found) - 1)]
    return data[: one.start()] + new + data[one.end() :]


def _changed(data: bytes, change: tuple[str, float, int, bytes]) -> bytes:
    kind, at, length, new = change
    if kind == "number":
        return _numbered(data, at, new)
    if kind == "cut":
        return _spliced(data, at, length, b"")
    if kind == "end":
        return data[: int(at * len(data))]
    if kind == "twice":
        begin = int(at * len(data))
        return data[:begin] + data[begin : begin + length] * 20 + data[begin:]
    if kind == "integer":  # of a binary header
        return _spliced(data, at, 4, struct.pack("<I", length * 0x01010101 & 0xFFFFFFFF))
    return _spliced(data, at, length if kind == "over" else 0, new)


def bytes_of(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A seed with one to five changes anywhere, or bytes from nowhere."""
    kinds = st.sampled_from(["number", "cut", "end", "twice", "integer", "over", "insert"])
    pieces = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8))
    changes = st.lists(st.tuples(kinds, places, st.integers(0, 300), pieces), min_size=1, max_size=5)

    def made(seed: bytes, changed: list[Any]) -> bytes:
        for change in changed:
            seed = _changed(seed, change)
        return seed

    return st.one_of(st.builds(made, st.sampled_from(list(seeds)), changes), st.binary(max_size=200))


def json_of(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A seed with one to three of its values replaced, removed or renamed."""
    step = st.tuples(st.lists(st.integers(0, 10_000), min_size=1, max_size=8), st.sampled_from(["new", "del", "key"]))
    changes = st.lists(st.tuples(step, st.sampled_from(VALUES)), min_size=1, max_size=3)

    def made(seed: bytes, changed: list[Any]) -> bytes:
        said = json.loads(seed)
        for (way, what), value in changed:
            _replace(said, way, what, copy.deepcopy(value))
        return json.dumps(said).encode()

    return st.one_of(st.builds(made, st.sampled_from(list(seeds)), changes), bytes_of(seeds))


def _replace(said: Any, way: list[int], what: str, value: Any) -> None:
    for step, number in enumerate(way):
        if not isinstance(said, (dict, list)) or not said:
            return
        keys = list(said) if isinstance(said, dict) else list(range(len(said)))
        key = keys[number % len(keys)]
        inside = said[key]
        if step < len(way) - 1 and isinstance(inside, (dict, list)) and inside:
            said = inside
        elif what == "new":
            said[key] = value
            return
        elif what == "del":
            del said[key]
            return
        elif isinstance(said, dict):
            said[str(value)[:50]] = said.pop(key)
            return


def zip_of(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """An archive with a member changed and packed again, whose directory may then be told another size."""

    def made(seed: bytes, number: int, member: Any, packed: bool, lie: int | None) -> bytes:
        with zipfile.ZipFile(io.BytesIO(seed)) as old:
            members = {name: old.read(name) for name in old.namelist()}
        name = list(members)[number % len(members)]
        for change in member:
            members[name] = _changed(members[name], change)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as new:
            for each, data in members.items():
                new.writestr(each, data)
            if lie is not None:
                new.getinfo(name).file_size = lie
        return out.getvalue()

    kinds = st.sampled_from(["number", "cut", "end", "twice", "integer", "over", "insert"])
    pieces = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8))
    member = st.lists(st.tuples(kinds, places, st.integers(0, 300), pieces), max_size=3)
    lies = st.sampled_from([None, None, 0, 1, 128, 2**31, 2**40])
    repacked = st.builds(made, st.sampled_from(list(seeds)), st.integers(0, 9), member, st.booleans(), lies)
    return st.one_of(repacked, bytes_of(seeds))
