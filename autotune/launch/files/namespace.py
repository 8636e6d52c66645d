"""Runs a command under which every folder of this machine is an overlay: it reads the user's files and writes its own.

It is run as a script (`python -I -S namespace.py UPPER WORK BEFORE KEPT COMMAND...`) and imports the standard library
only. In a mount namespace of its own, which ends with the last process of the command, it mounts an overlay over each
folder, puts what must stay real back in place, makes the rest read-only, and becomes the command. It must never mount
anything where another process sees it, and never change the environment that the command sees.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
LOCKED = 2 | 4 | 8 | 1024 | 2048 | 4096  # nosuid, nodev, noexec, noatime, nodiratime, relatime of statvfs
RELATIME, NODIRATIME = 1 << 21, 2048
PR_SET_PDEATHSIG = 1
REAL = ("/dev", "/proc", "/sys", "/run", "/var/run", "/tmp/.X11-unix")
libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = [word.encode("utf-8", "surrogateescape") or None for word in (source, target, kind, options)]
    check(libc.mount(*words[:3], ctypes.c_ulong(flags), words[3]), f"mount on {target}")


BETWEEN = "//"  # in no absolute path that has no such


def enter() -> None:
    """A mount namespace of our own; as root without a user namespace, which would take rights on others' files."""
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS) != 0:
        user, group = os.geteuid(), os.getegid()
        check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def mount_points() -> set[str]:
    with open("/proc/self/mountinfo", "rb") as file:
        fields = [line.split()[4] for line in file]
    # Blanks and the like are written as \040.
    return {os.fsdecode(field.decode("unicode_escape").encode("latin-1")) for field in fields}


def by_number(folder: str) -> str:
    """A name of this folder that holds whatever is mounted over it."""
    return f"/proc/self/fd/{os.open(folder, os.O_PATH)}"


class Covering:
    """Covers the folders of this machine, one after the other."""

    def __init__(self, upper: str, work: str, before: str, kept: list[str]) -> None:
        # By open files: the first overlay may hide these folders from all later ones.
        self.upper, self.work, self.before = map(by_number, (upper, work, before))
        self.kept = kept
        self.points = mount_points()
        self.split: set[str] = set()
        self.count = 0

    def is_real(self, folder: str) -> bool:
        return any(folder == real or folder.startswith(real + "/") for real in REAL)

    def is_own_mount(self, folder: str) -> bool:
        """Whether it stays as it is: a mount that no overlay hides, since none is laid over the root itself."""
        return folder in REAL and os.path.dirname(folder) == "/" and os.path.ismount(folder)

    def cover(self, folder: str) -> None:
        """Lay an overlay over a folder, and over what is mounted in it; where the kernel takes none, over the folders
        in it, and it becomes read-only itself.
        """
        if folder == "/":
            self.cover_inside(folder)
            return
        inside = sorted(point for point in self.points if point.startswith(folder + "/"))
        hidden = {point: name for point in inside if not self.is_real(point) and (name := opened(point))}
        for point in hidden:
            if os.path.isdir(point):
                os.makedirs(self.upper + point, exist_ok=True)  # before the layer is in use
        try:
            self.overlay(folder, folder)
        except OSError:  # of a user's own namespace it takes none with a mount inside
            if inside:
                self.cover_inside(folder)
            elif folder in self.points:
                self.split.add(folder)
            hidden = {}
        for point, name in hidden.items():
            try:
                self.overlay(point, name)
            except OSError:
                with suppress(OSError):
                    mount(name, point, "", MS_BIND)
                    read_only(point)

    def cover_inside(self, folder: str) -> None:
        if folder in self.points:
            self.split.add(folder)
        for child in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if child.is_dir(follow_symlinks=False) and not self.is_real(child.path):
                self.cover(child.path)

    def overlay(self, folder: str, lower: str) -> None:
        """Over `folder`, of which `lower` is a name."""
        if not os.path.isdir(lower):
            raise NotADirectoryError(folder)
        os.makedirs(self.upper + folder, exist_ok=True)
        os.chmod(self.upper + folder, os.stat(lower).st_mode & 0o7777 | 0o700)
        between = os.path.isdir(self.before + folder)
        if between:
            # What was there before the watched run lies between; as an upper layer, since the kernel takes no lower
            # one that lies inside another.
            self.lay(self.before + folder, folder, lower, MS_RDONLY)
            lower = folder
        try:
            self.lay(self.upper + folder, folder, lower, 0)
        except OSError:
            if between:
                libc.umount2(os.fsencode(folder), MNT_DETACH)
            raise

    def lay(self, layer: str, folder: str, lower: str, flags: int) -> None:
        self.count += 1
        work = f"{self.work}/{self.count}"
        os.makedirs(work, exist_ok=True)
        # By numbers, because a name may hold a comma or a colon, and a page holds all the options. Volatile: else the
        # end of each mount waits for the disk.
        names = [by_number(name) for name in (lower, layer, work)]
        try:
            options = f"lowerdir={names[0]},upperdir={names[1]},workdir={names[2]},userxattr,volatile,index=off"
            mount("overlay", folder, "overlay", flags, options)
            for made, _, _ in os.walk(f"{names[2]}/work"):
                os.chmod(made, 0o700)  # the kernel makes them such that their owner cannot remove them
        finally:
            for name in names:
                os.close(int(os.path.basename(name)))

    def run(self) -> None:
        folders = [folder for folder in (*REAL, *self.kept) if os.path.isdir(folder) and not os.path.islink(folder)]
        kept = {folder: by_number(folder) for folder in folders if not self.is_own_mount(folder)}
        self.cover("/")
        for folder, name in kept.items():
            mount(name, folder, "", MS_BIND | MS_REC)
        for folder in self.split:
            read_only(folder)


def read_only(folder: str) -> None:
    held = os.statvfs(folder).f_flag & LOCKED
    flags = held & ~4096 | (RELATIME if held & 4096 else 0)
    mount("none", folder, "", MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def opened(point: str) -> str:
    """by_number, or nothing where this user may not even look."""
    try:
        return by_number(point)
    except OSError:
        return ""


def main() -> None:
    upper, work, before, kept = sys.argv[1:5]
    command = sys.argv[5:]
    with open("/proc/self/environ", "rb") as file:  # Python may have changed its own copy (PEP 538)
        pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if b"=" in entry)
        environment = {name: value for name, _, value in pairs}
    place = os.getcwd()
    parent = os.getppid()
    enter()
    Covering(upper, work, before, [name for name in kept.split(BETWEEN) if name]).run()
    os.chdir(place)  # what was the working folder is hidden below the overlay
    libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(127)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and the command would go on to do so
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(command[0], command, environment)


if __name__ == "__main__":
    main()
