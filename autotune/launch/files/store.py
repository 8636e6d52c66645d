"""What the files of the user looked like before the watched run, in a folder of the study.

`before` is a tree of absolute paths: a file as it was, or a mark where there was none. It is laid out as the kernel's
overlay file system wants a layer to be, and the upper layers of later runs look the same, so that one walk reads all
of them. Nothing here is proportional to the size of the model's folder: only what was written is kept.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autotune.agent.protocol import write_text
from autotune.errors import UsageError
from autotune.launch.files.seal import holds, seal_of

REMOVED = "autotune: removed"
"""Where a symbolic link points that marks a removed file, on systems that refuse the overlay's own mark."""
OPAQUE = ".autotune-opaque"
"""A mark inside a folder: nothing of what lies below it is seen."""
CACHES = ("__pycache__", platform.machine())
"""Folders of compiled modules and mechanisms: any run makes them, and the next one is glad of them."""


@dataclass(frozen=True)
class Entry:
    """Something in a layer."""

    name: str
    """Absolute, as the user knows it."""
    file: Path
    """Where it lies in the layer."""
    kind: str
    """"file", "link", "folder" or "removed"."""


class Store:
    """What is known of the user's files, under `folder`, and how far the watched run has come."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before = folder / "before"
        self.results = folder / "results"
        self.seen = folder / "before-seen"
        """A file for each process in which the library was loaded in the watched run, named by its id."""
        self.renamed = folder / "before-renamed"
        """There when the watched run has renamed a folder, which an overlay refuses."""
        self.trying = folder / "trying"
        """There while a later run writes to the user's files themselves."""

    @property
    def _seal(self) -> Path:
        return self.folder / "seal"

    @property
    def _is_ours(self) -> bool:
        return holds(self._seal, self.folder)

    @property
    def _watching(self) -> Path:
        return self.folder / "watching"

    @property
    def _noted(self) -> Path:
        return self.folder / "written.txt"

    @property
    def _after(self) -> Path:
        return self.folder / "after.json"

    def begin(self) -> None:
        """The watched run begins; what an earlier one of this study has left, finished or not, is taken back."""
        self.recover()
        if self._after.exists() and self._is_ours:
            after = json.loads(self._after.read_text())
            put(self.before, lambda name: name in after and after[name] == _stamp(name))
        remove_tree(self.folder)
        self.before.mkdir(parents=True)
        self.seen.mkdir()
        write_text(self._seal, seal_of(self.folder))
        self._watching.touch()

    def end(self) -> None:
        """The watched run has ended; its results are the user's."""
        write_text(self._after, json.dumps({entry.name: _stamp(entry.name) for entry in entries(self.before)}))
        self._watching.unlink()

    def recover(self) -> None:
        """After a driver was killed: nothing of a half watched run stays, and the results of a whole one do.

        Raises UsageError for a folder of copies that this user has not made here: they could lie anywhere.
        """
        if (self._watching.exists() or self.trying.exists()) and not self._is_ours:
            raise UsageError(
                f"{self.folder}: these copies of files were not made here, so they are not put back: the study folder "
                "was moved, comes from somebody else, or the cache folder is another one",
                cure=f"See what in {self.before} or {self.results} you want, then remove {self.folder} and run again.",
            )
        if self._watching.exists():
            put(self.before)
            remove_tree(self.folder / "watched")
            remove_tree(self.folder)
        elif self.trying.exists():
            put(self.results)
            self.trying.unlink()

    def note(self, names: Iterable[str]) -> None:
        """The watched run wrote these, whose earlier content is not known."""
        self._noted.write_bytes(b"\0".join(map(os.fsencode, names)))

    def written(self) -> tuple[str, ...]:
        """The files that the watched run made, changed or removed, and that differ now from what was there."""
        found = {name for entry in entries(self.before) if _differs(entry) for name in _files_of(entry.name)}
        noted = (
            [os.fsdecode(name) for name in self._noted.read_bytes().split(b"\0") if name]
            if self._noted.exists()
            else []
        )
        return tuple(sorted({*found, *noted}))

    def results_of_watched(self) -> dict[str, Path]:
        """Where the files that the watched run has written lie, as far as they are still there."""
        kept = {name: self.results / name.lstrip("/") for name in self.written()}
        places = {name: place if os.path.lexists(place) else Path(name) for name, place in kept.items()}
        return {name: place for name, place in places.items() if os.path.lexists(place)}


def entries(layer: Path) -> Iterator[Entry]:
    """Everything in a layer, folders before what is in them."""
    for parent, folders, names in os.walk(layer):
        for name in sorted([*folders, *names]):
            if name != OPAQUE:
                file = Path(parent, name)
                yield Entry("/" + str(file.relative_to(layer)), file, kind_of(file))
        folders[:] = sorted(name for name in folders if not Path(parent, name).is_symlink())


def written_in(layer: Path) -> dict[str, Path]:
    """The files and links in a layer, by their absolute names, but what was compiled."""
    found = (entry for entry in entries(layer) if entry.kind in ("file", "link"))
    return {entry.name: entry.file for entry in found if not is_cache(entry.name)}


def replaced(layer: Path) -> Iterator[str]:
    """What the user's folders hold that a run has removed and made anew: everything in them is hidden by the layer."""
    for entry in entries(layer):
        if entry.kind == "folder" and os.path.isdir(entry.name) and _is_opaque(entry.file):
            yield from (os.path.join(entry.name, name) for name in os.listdir(entry.name))


def is_cache(name: str) -> bool:
    """Whether this is, or lies in, a folder of what was compiled."""
    return any(part in CACHES for part in Path(name).parts)


def save(names: Iterable[str], layer: Path) -> None:
    """Keep these files as they are now, each whole or not at all, unless the layer knows them already."""
    layer.mkdir(parents=True, exist_ok=True)
    for name in names:
        kept = layer / name.lstrip("/")
        if os.path.lexists(kept) or not make_parents(kept, layer):
            continue
        if not os.path.lexists(name):
            mark_removed(kept)
        elif os.path.isdir(name) and not os.path.islink(name):
            kept.mkdir()
            shutil.copystat(name, kept)
            save((os.path.join(name, inside) for inside in os.listdir(name)), layer)
        else:
            new = Path(tempfile.mktemp(prefix=".autotune-", dir=kept.parent))
            shutil.copy2(name, new, follow_symlinks=False)
            new.rename(kept)


def put(layer: Path, which: Callable[[str], bool] = lambda name: True) -> None:
    """Make the user's files what `layer` says; a file that is there keeps its identity, only its content changes."""
    for entry in entries(layer):
        if not which(entry.name):
            continue
        if entry.kind == "removed":
            remove(entry.name)
        elif entry.kind == "folder":
            _put_folder(entry)
        else:
            _put_file(entry)


def make_parents(kept: Path, layer: Path) -> bool:
    """Make the folders above `kept` in the layer, as they are in the user's tree; False below a removed one."""
    missing = []
    for folder in kept.parents:
        if folder == layer or (os.path.lexists(folder) and kind_of(folder) == "folder"):
            break
        if os.path.lexists(folder):
            return False
        missing.append(folder)
    for folder in reversed(missing):
        folder.mkdir()
        real = "/" + str(folder.relative_to(layer))
        with suppress(OSError):
            folder.chmod(stat.S_IMODE(os.stat(real).st_mode) | stat.S_IRWXU)
    return True


def mark_removed(kept: Path) -> None:
    """Say that there is no such file: a character device 0/0, the overlay's own mark, or a link to nothing."""
    try:
        os.mknod(kept, stat.S_IFCHR | 0o600, os.makedev(0, 0))
    except FileExistsError:
        return
    except OSError:
        with suppress(FileExistsError):
            os.symlink(REMOVED, kept)


def remove_tree(folder: Path) -> None:
    """Remove a layer, also what the kernel made in it that nobody may read."""
    shutil.rmtree(folder, ignore_errors=True)


def kind_of(file: Path) -> str:
    """What lies in a layer, in the words of Entry."""
    status = file.lstat()
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return "removed"
    if stat.S_ISLNK(status.st_mode):
        return "removed" if os.readlink(file) == REMOVED else "link"
    return "folder" if stat.S_ISDIR(status.st_mode) else "file"


def _is_opaque(folder: Path) -> bool:
    with suppress(OSError):
        return os.getxattr(folder, "user.overlay.opaque") == b"y"
    return os.path.lexists(folder / OPAQUE)


def _differs(entry: Entry) -> bool:
    """Whether the user's file is now another than the one that was kept."""
    if entry.kind == "folder" or is_cache(entry.name):
        return False
    if entry.kind == "removed":
        return os.path.lexists(entry.name)
    return not os.path.lexists(entry.name) or not _same(entry.file, Path(entry.name))


def _files_of(name: str) -> Iterator[str]:
    """A file itself; of a folder that was made, what it holds now."""
    if not os.path.isdir(name) or os.path.islink(name):
        yield name
        return
    for parent, _, files in os.walk(name):
        yield from (file for inside in files if not is_cache(file := os.path.join(parent, inside)))


def _stamp(name: str) -> list[int]:
    """What tells whether somebody has changed this file since."""
    try:
        status = os.lstat(name)
    except OSError:
        return []
    return [status.st_mode, 0 if stat.S_ISDIR(status.st_mode) else status.st_size, status.st_mtime_ns]


def _same(one: Path, other: Path) -> bool:
    first, second = one.lstat(), other.lstat()
    return (first.st_mode, first.st_size, first.st_mtime_ns) == (second.st_mode, second.st_size, second.st_mtime_ns)


def remove(name: str) -> None:
    """Remove a file, or a folder with all that it holds."""
    if os.path.isdir(name) and not os.path.islink(name):
        shutil.rmtree(name)
    else:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _put_folder(entry: Entry) -> None:
    if not os.path.isdir(entry.name):
        remove(entry.name)
        os.mkdir(entry.name)
        shutil.copystat(entry.file, entry.name)


def _put_file(entry: Entry) -> None:
    there = os.path.lexists(entry.name)
    if there and _same(entry.file, Path(entry.name)):
        return
    if entry.kind == "file" and there and os.path.isfile(entry.name) and not os.path.islink(entry.name):
        with open(entry.file, "rb") as source, open(entry.name, "r+b") as target:
            shutil.copyfileobj(source, target)
            target.truncate()
        shutil.copystat(entry.file, entry.name)
        return
    remove(entry.name)
    shutil.copy2(entry.file, entry.name, follow_symlinks=False)
