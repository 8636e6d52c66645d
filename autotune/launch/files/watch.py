"""Which files change below some folders, as the kernel tells it (inotify), at no cost while nothing changes.

It must never follow links out of the folders, or wait.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

MODIFY, MOVED, CREATE, DELETE, OVERFLOW, IS_FOLDER = 0x2, 0xC0, 0x100, 0x200, 0x4000, 0x40000000
CHANGES = MODIFY | MOVED | CREATE | DELETE
NONBLOCK = os.O_NONBLOCK | os.O_CLOEXEC
HEADER = struct.Struct("iIII")
MOST_FOLDERS = 20_000
BLOCK = 1 << 16


class Watch:
    """Watches folders and all that lies below them until close(); at most 20,000 of them."""

    def __init__(self, roots: Iterable[Path], skip: Callable[[str], bool]) -> None:
        if sys.platform != "linux":
            raise OSError(f"{sys.platform} does not tell which files change")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._number = self._checked(self._libc.inotify_init1(NONBLOCK))
        self._folders: dict[int, str] = {}
        self._skip = skip
        try:
            for root in roots:
                self._add(str(root))
        except BaseException:
            self.close()
            raise

    def changed(self) -> set[str]:
        """The files that were made, written, renamed or removed since the last call."""
        found: set[str] = set()
        while True:
            try:
                data = os.read(self._number, BLOCK)
            except BlockingIOError:
                return found
            at = 0
            while at < len(data):
                number, what, _, length = HEADER.unpack_from(data, at)
                name = data[at + HEADER.size : at + HEADER.size + length].rstrip(b"\0")
                at += HEADER.size + length
                if what & OVERFLOW:
                    raise OSError("too many changes to follow")
                if number in self._folders and name:
                    self._note(os.path.join(self._folders[number], os.fsdecode(name)), what, found)

    def close(self) -> None:
        os.close(self._number)

    def _note(self, name: str, what: int, found: set[str]) -> None:
        if self._skip(name):
            return
        if not what & IS_FOLDER or what & MOVED:
            found.add(name)
        if what & IS_FOLDER and what & (CREATE | MOVED) and os.path.isdir(name):
            found.update(self._add(name))  # files may have been made in it before it was watched

    def _add(self, root: str) -> set[str]:
        files: set[str] = set()
        for parent, folders, names in os.walk(root):
            if self._skip(parent):
                folders[:] = []
                continue
            if len(self._folders) >= MOST_FOLDERS:
                raise OSError(f"{root}: more than {MOST_FOLDERS} folders to watch")
            number = self._libc.inotify_add_watch(self._number, os.fsencode(parent), CHANGES)
            if number >= 0:
                self._folders[number] = parent
            elif ctypes.get_errno() == 28:  # ENOSPC: the user's limit of watches
                raise OSError("the system's limit of watched folders (fs.inotify.max_user_watches) is reached")
            files.update(os.path.join(parent, name) for name in names)
        return files

    @staticmethod
    def _checked(result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result
