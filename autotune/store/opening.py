"""Where Optuna keeps a study: a journal file in the study folder, or the database that --storage names; opened, and its
failures told in words.

The study folder is the truth: what fails here costs nothing but the storage, which is made anew from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from autotune.errors import UsageError
from autotune.store.address import INSTEAD, masked, without_password
from autotune.store.journal import Journal, JournalLock, JournalLost, is_torn, looks_like_journal
from autotune.store.listing import ListingJournal
from autotune.untrusted import BROKEN

JOURNAL = "optuna.journal"
FORMS = "Give sqlite:///FILE, postgresql://USER@HOST/DATABASE, journal:///FILE or a journal file's path."
CONNECT_TIMEOUT_S = 10
ANEW = (
    "Move optuna.journal (or the file that --storage names) away and run the same command again: it is made anew from "
    "the trials in the study folder."
)
LOCKED_S = 60
"""So long another program may hold an SQLite database."""
REBUILT = "Give the same command again: it is made anew from them."


def open_storage(folder: Path, url: str | None = None) -> BaseStorage:
    """Opens (or makes) the storage of the study in `folder`: a journal file in it, or what `url` says.

    A journal's torn last line is cut off first (a copy stays beside it); a dead process's lock on it is broken when it
    is first needed. Raises UsageError if the storage cannot be opened; a URL's password is not shown.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url is None:
        return _open_journal(folder / JOURNAL)
    scheme, separator, rest = url.partition("://")
    if not separator:
        return _open_journal(Path(url))
    if scheme == "journal":
        return _open_journal(Path(rest))
    return _open_database(url)


def set_damaged_aside(folder: Path) -> bool:
    """Move the study's own journal aside if it cannot be read; the study is then made anew from its trials."""
    journal = folder / JOURNAL
    if not journal.exists():
        return False
    try:
        open_storage(folder)
    except UsageError as error:
        if isinstance(error.__cause__, OSError):
            raise
        journal.replace(folder / f"{JOURNAL}.damaged")
        return True
    return False


@contextmanager
def storage_errors_told() -> Iterator[None]:
    """Raise UsageError for a storage that fails while a study runs: removed, damaged, locked by another program."""
    try:
        yield
    except JournalLost as lost:
        raise UsageError(
            f"{lost.journal}: was removed or damaged while the study ran",
            cure=f"Nothing is lost, the trials are in the study folder. {REBUILT}",
            details=str(lost.__cause__ or ""),
        ) from lost
    except (SQLAlchemyError, StorageInternalError) as error:
        reason = str(getattr(error.__cause__, "orig", None) or getattr(error, "orig", None) or error).strip()
        raise UsageError(
            "The Optuna storage failed while the study ran.",
            cure="Nothing is lost, the trials are in the study folder. Look whether the database is there, whole, and "
            "not locked by another program; then give the same command again: it goes on where it stopped.",
            details=reason,
        ) from error


def _open_journal(path: Path) -> JournalStorage:
    lock = JournalLock(path)
    try:
        if path.exists():
            if not looks_like_journal(path):
                raise UsageError(f"{path} is not an Optuna journal; it was left as it is.", cure=FORMS)
            if is_torn(path):  # by a dead writer, or by one at work: only the lock can tell
                lock.acquire()
                lock.release()
        return ListingJournal(Journal(str(path), lock_obj=lock))
    except OSError as error:
        raise UsageError(
            f"Cannot open the journal {path}: {error.strerror}.", cure="Look at the folder and its rights."
        ) from error
    except (JournalLost, *BROKEN) as error:
        raise UsageError(
            f"The journal {path} is damaged.", cure=ANEW, details=f"{type(error).__name__}: {error}"[:500]
        ) from error


def _open_database(url: str) -> RDBStorage:
    try:
        parsed = make_url(url)
        shown = without_password(url)
    except (SQLAlchemyError, ValueError) as error:
        raise UsageError("The storage's URL cannot be read.", cure=FORMS, details=type(error).__name__) from error
    options: dict[str, Any] = {}
    if parsed.drivername in {"postgresql", "postgresql+psycopg", "postgresql+psycopg2"}:
        options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT_TIMEOUT_S}}
    elif parsed.get_backend_name() == "sqlite":
        options = {"connect_args": {"timeout": LOCKED_S}}
    if parsed.drivername == "postgresql" and find_spec("psycopg2") is None and find_spec("psycopg") is not None:
        parsed = parsed.set(drivername="postgresql+psycopg")  # the driver that is there, in place of the default
    try:
        return RDBStorage(parsed.render_as_string(hide_password=False), engine_kwargs=options)
    except ImportError as error:
        cure = "Install the driver; for PostgreSQL: pip install 'psycopg[binary]'"
        raise UsageError(
            f"No driver for {shown}.", cure=cure, details=masked(str(error.__cause__ or error), url)
        ) from error
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        reason = masked(str(getattr(error, "orig", None) or error).strip(), url)
        cure = f"Look whether the database is there and lets you in. {FORMS}"
        if parsed.get_backend_name() != "sqlite":
            cure += f" A study does not keep a password. {INSTEAD}"
        raise UsageError(f"Cannot open the storage {shown}.", cure=cure, details=reason) from error
