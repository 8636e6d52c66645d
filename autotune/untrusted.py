"""What the tuner takes from files that somebody else may have written: data, of a size that their own size on disk
bounds.

Answers, records, rasters and the files of ranks are passed on, edited and torn. Reading one must never run anything,
never open another file, and never take memory that a few bytes ask for: an archive of zeros, a header that claims 10^9
spikes, a text of brackets. Everything here raises ValueError or OSError, which readers turn into words of their own.
"""

from __future__ import annotations

import json
import math
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

MOST_TEXT = 32 << 20
"""Bytes of a text that is read whole; as lists of Python, JSON takes twenty times its size."""
SMALL = 256 << 20
"""Bytes that any file may unpack to,"""
MOST_TIMES = 20
"""and how many times its own size a larger one may. Spikes, sorted by time, are packed to a third."""
BROKEN = (
    ValueError,
    OSError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    EOFError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What libraries raise for content that they did not expect. MemoryError: one allocation too large, which never was."""
_CHUNK = 1 << 20
_MOST_WORDS = 300
_PACKED = 15  # the type of a packed element in MATLAB's format (miCOMPRESSED)


def size_of(file: Path) -> int:
    """Its size in bytes. A pipe, a device or a folder is refused: reading it may never end."""
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no ordinary file")
    return status.st_size


def bytes_of(file: Path, most: int = MOST_TEXT) -> bytes:
    """All of a file that has no business being large."""
    if size_of(file) > most:
        raise ValueError(f"it has more than {most >> 20} MB, which no such file has")
    with file.open("rb") as stream:
        return stream.read(most)


def text_of(file: Path, most: int = MOST_TEXT) -> str:
    """The same as text."""
    return bytes_of(file, most).decode()


def json_of(
    file: Path, most: int = MOST_TEXT, *, finite: bool = True, shown: Callable[[str], str] = lambda text: text
) -> Any:
    """What it says as JSON; `finite`: without NaN, infinity and NUL, which nobody means.

    `shown` takes out of the text what must not be seen. A byte of a name that is no text, which Python keeps as half a
    character, becomes a `?`: nobody could print it.
    """
    text = shown(text_of(file, most))
    if finite and "\\u0000" in text:
        raise ValueError("it holds a NUL, which no name and no word has")
    try:
        said = json.loads(text, parse_constant=_no_number, parse_float=_finite) if finite else json.loads(text)
        if "\\ud" in text.lower():
            said = json.loads(json.dumps(said, ensure_ascii=False).encode(errors="replace"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return said


def check_numbers(text: bytes) -> None:
    """Whether JSON holds finite numbers only: what is written here has no others, and no reader expects them."""
    try:
        json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def check_claim(claimed: int, stored: int, times: int = MOST_TIMES) -> None:
    """Whether a file of `stored` bytes may say that it holds `claimed`."""
    if claimed > max(SMALL, times * stored):
        raise ValueError(f"it claims to hold {claimed / 2**20:,.0f} MB, and has {stored / 2**20:,.1f}")


class Arrays(AbstractContextManager["Arrays"]):
    """The arrays of an npz archive, each read when it is asked for. Arrays of objects are pickles, and refused."""

    def __init__(self, file: Path) -> None:
        self._stored = size_of(file)
        self._archive = zipfile.ZipFile(file)
        self.names = [name.removesuffix(".npy") for name in self._archive.namelist() if name.endswith(".npy")]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    @property
    def size(self) -> int:
        """Bytes of all members when they are unpacked, as the archive's directory says."""
        return sum(info.file_size for info in self._archive.infolist())

    def read(self, name: str) -> NDArray[Any]:
        """One of them, which cannot be written to."""
        return _array(self.member(f"{name}.npy"))

    def pieces(self, name: str, items: int) -> Iterator[NDArray[Any]]:
        """One of them that is flat, so many items at a time; the last piece may be shorter. Raises ValueError at the
        end of an array that is torn.
        """
        info = self._archive.getinfo(f"{name}.npy")
        check_claim(info.file_size, self._stored)
        with self._archive.open(info) as packed:
            shape, _, dtype = _header(packed)
            if len(shape) != 1 or packed.tell() + shape[0] * dtype.itemsize != info.file_size:
                raise ValueError("an array of another length than its header says")
            for begin in range(0, shape[0], items):
                count = min(items, shape[0] - begin)
                data = packed.read(count * dtype.itemsize)
                if len(data) != count * dtype.itemsize:
                    raise ValueError(f"{name} is torn")
                yield np.frombuffer(data, dtype, count)
            packed.read(1)  # comes to the end, where the archive's sum is looked at

    def member(self, name: str) -> bytearray:
        """The bytes of a member, as many as the archive's directory says and none more."""
        info = self._archive.getinfo(name)
        check_claim(info.file_size, self._stored)
        data = bytearray()
        with self._archive.open(info) as packed:
            while chunk := packed.read(_CHUNK):  # in pieces: what is packed may be longer than it says
                data += chunk
        if len(data) != info.file_size:
            raise ValueError(f"{name} is torn")
        return data


def _array(data: bytearray) -> NDArray[Any]:
    """The array of an .npy file, whose header must say of what length it is."""
    head = BytesIO(data[: 1 << 16])
    shape, by_column, dtype = _header(head)
    count, begin = math.prod(shape), head.tell()
    if min(shape, default=0) < 0 or begin + count * dtype.itemsize != len(data):
        raise ValueError("an array of another length than its header says")
    flat = np.frombuffer(data, dtype, count, begin) if count and dtype.itemsize else np.empty(count, dtype)
    return flat.reshape(shape, order="F" if by_column else "C")


def _header(head: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of an .npy file, which is read up to its data."""
    version = np.lib.format.read_magic(head)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of format {version}, which holds fields with names")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_column, dtype = read_header(head)
    if dtype.hasobject:
        raise ValueError("an array of objects is a pickle, which is never opened")
    return shape, by_column, dtype


def check_dataset(item: Any, stored: int, times: int = MOST_TIMES) -> None:
    """Whether a dataset (h5py) in a file of `stored` bytes may be read: it lies in this file, and is no larger than
    that can hold.
    """
    if item.is_virtual or item.external:
        raise ValueError(f"{item.name} lies in other files, which are not followed")
    if item.shape is None:
        return
    check_claim(math.prod(item.shape) * item.dtype.itemsize, stored, times)
    check_claim(math.prod(item.chunks or ()) * item.dtype.itemsize, stored, times)


def check_matlab(file: Path) -> None:
    """Whether a file of MATLAB 5 to 7 may be read, whose variables are packed one by one."""
    stored = size_of(file)
    with file.open("rb") as stream:
        head = stream.read(128)
        order: Any = "big" if head[126:128] == b"MI" else "little"
        unpacked = 0
        while len(tag := stream.read(8)) == 8:
            kind, length = (int.from_bytes(part, order) for part in (tag[:4], tag[4:]))
            if kind != _PACKED:
                stream.seek(length, 1)
                continue
            unpack, left = zlib.decompressobj(), length
            while left > 0 and (chunk := stream.read(min(left, 1 << 16))):
                left -= len(chunk)
                while chunk:
                    unpacked += len(unpack.decompress(chunk, _CHUNK))
                    check_claim(unpacked, stored)
                    chunk = unpack.unconsumed_tail


def first_problem(error: Exception) -> str:
    """What is wrong in one line: pydantic tells every problem, with what it found and where to read about it."""
    if not isinstance(error, ValidationError):
        return str(error)[:_MOST_WORDS]
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}"[:_MOST_WORDS] if place else str(first["msg"])[:_MOST_WORDS]


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number of JSON")


def _finite(word: str) -> float:
    value = float(word)
    return value if math.isfinite(value) else _no_number(word)
