"""Which means is used: the best one that works here, or the one that the user names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from autotune.errors import UsageError
from autotune.launch.files.copying import Copy
from autotune.launch.files.overlay import Overlay
from autotune.launch.files.preload import Preload
from autotune.launch.files.putback import PutBack
from autotune.launch.files.start import Means, Start
from autotune.launch.files.store import Store

NAMES: tuple[str, ...] = ("overlay", "library", "put back")
"""The best first: the kernel misses nothing; a library misses programs linked statically; the last can only repair."""


@dataclass(frozen=True)
class Files:
    """The user's files during a study: how the watched run is looked at, and how later runs are kept from them."""

    store: Store
    works: Mapping[str, Means]
    """The means that may be used and work here, the best first."""
    refused: Mapping[str, str]
    """Others that do not, and why."""

    @property
    def means(self) -> Means:
        """What keeps trials from the user's files."""
        return next(iter(self.works.values()))

    @contextmanager
    def watched(self, start: Start) -> Iterator[Start]:
        """The start of the user's own run. One that is broken off has never been."""
        # The library is better here: the model writes where it always does, and not into an overlay first.
        watching = self.works.get("library", self.means)
        try:
            with watching.watched(start) as inside:
                yield inside
        except BaseException:
            self.store.recover()
            raise

    @contextmanager
    def trial(self, start: Start, layer: Path) -> Iterator[Start]:
        """The start of a later run, or of a session. May raise WroteElsewhere at its end."""
        with self.means.trial(start, layer) as inside:
            yield inside

    def wrote(self, layer: Path) -> dict[str, Path]:
        """The files that the run in `layer` has written so far, by their absolute names; asked inside `trial`."""
        return self.means.wrote(layer)

    def proved(self, ranks: Iterable[tuple[int, Sequence[int]]]) -> Files:
        """Only the means that have held, or would have held, the watched run, whose ranks had these process ids and
        descended from those. Raises UsageError where none has.
        """
        ranks = list(ranks)
        failed: dict[str, str] = {}
        if not all(os.getpid() in ancestors for _, ancestors in ranks):
            failed["overlay"] = "the ranks do not descend from this process"
        if "overlay" in self.works and "library" in self.works and self.store.renamed.exists():
            failed["overlay"] = "your run renames a folder, which an overlay refuses"
        if not all((self.store.seen / str(pid)).exists() for pid, _ in ranks):
            failed["library"] = "it was not loaded in every rank"
        works = {name: means for name, means in self.works.items() if name not in failed}
        refused = {**self.refused, **{name: why for name, why in failed.items() if name in self.works}}
        if not works:
            raise _nothing_works(refused)
        return replace(self, works=works, refused=refused)

    def using(self, name: str) -> Files:
        """What an earlier driver of this study has used, if it still works; else the best that does."""
        ordered = sorted(self.works, key=lambda other: other != name)
        return replace(self, works={other: self.works[other] for other in ordered})

    def describe(self) -> str:
        """A line for the user."""
        why = "".join(f"; no {name}: {reason}" for name, reason in self.refused.items())
        return f"your files are kept: {self.means.says}{why}"


def choose(
    folder: Path,
    cwd: Path,
    environment: Mapping[str, str],
    *,
    ours: Sequence[Path] = (),
    launcher: str = "",
    allowed: Sequence[str] = NAMES,
) -> Files:
    """The `allowed` means that work for this command; `folder` is where the study keeps what it saves.

    Raises UsageError where none does.
    """
    store = Store(folder.resolve())
    own = tuple(path.resolve() for path in ours)
    make: dict[str, Callable[[], Means]] = {
        "overlay": lambda: Overlay(store, own, cwd, launcher),
        "library": lambda: Preload(store, own, cwd, environment),
        "put back": lambda: PutBack(store, own, cwd),
        "copy": lambda: Copy(store, own, cwd),
    }
    works: dict[str, Means] = {}
    refused: dict[str, str] = {}
    for name in allowed:
        if name == "put back" and works:  # what it needs is not cheap to find out
            continue
        means = make[name]()
        why = means.missing()
        if why:
            refused[name] = why
        else:
            works[name] = means
    if not works:
        raise _nothing_works(refused)
    return Files(store, works, refused)


def _nothing_works(refused: Mapping[str, str]) -> UsageError:
    return UsageError(
        "your files cannot be kept from the trials: " + "; ".join(f"{name}: {why}" for name, why in refused.items()),
        cure='Give --workspace "in place" if trials may overwrite what your run writes, or install a C compiler.',
    )
