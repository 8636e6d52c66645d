"""Whether a study folder's copies of the user's files were kept by this user, in this place.

They are put back under the names that they had, anywhere on the disk. A folder that came from somebody else, or was
moved, must not do that: its `files` carry no seal of ours. The key of the seal never leaves the tuner's cache.
"""

from __future__ import annotations

import hmac
import os
from contextlib import suppress
from pathlib import Path

from autotune.launch.build import cache_folder

KEY = "seal.key"
_BYTES = 32


def seal_of(folder: Path) -> str:
    """What is written beside the copies in `folder`; empty where the cache cannot keep a key."""
    try:
        key = _key(cache_folder() / KEY)
    except OSError:
        return ""
    return hmac.new(key, os.fsencode(folder.resolve()), "sha256").hexdigest()


def holds(seal: Path, folder: Path) -> bool:
    """Whether the file `seal` is that of `folder`."""
    try:
        with seal.open("rb") as file:
            said = file.read(2 * _BYTES + 1)
    except OSError:
        return False
    ours = seal_of(folder).encode()
    return bool(ours) and hmac.compare_digest(said, ours)


def _key(file: Path) -> bytes:
    """The user's own key, made when it is first needed; nobody else may read it. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        own = file.with_name(f"{file.name}.{os.getpid()}")
        with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            new.write(os.urandom(_BYTES))
        try:
            os.link(own, file)  # whole or not at all, and the first one stays
        finally:
            own.unlink()
    key = file.read_bytes()
    if len(key) != _BYTES:
        raise OSError(f"{file} is no key")
    return key
