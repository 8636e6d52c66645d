"""What notebooks and scripts use: `tune` a command or a study, `load` the answer of one. Nothing else is public.

Both give the same `Best` that stands in best.json.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from autotune.begin import config_of
from autotune.best import Best, read_best
from autotune.config import Workspace
from autotune.export import make_best
from autotune.pipeline import tune as walk
from autotune.report.progress import Progress, Reports
from autotune.store.folder import open_finished

__all__ = ["Best", "load", "tune"]


def tune(
    command: str | Sequence[str] | Path,
    *,
    folder: str | Path = ".",
    out: str | Path | None = None,
    trials: int | None = None,
    time_budget_s: float | None = None,
    budget: float | str | None = None,
    knobs: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    environments: Sequence[str | Path] | None = None,
    seed: int | None = None,
    objective: Literal["run", "total"] | None = None,
    workspace: Workspace | None = None,
    resident: Literal["auto", "never"] | None = None,
    storage: str | None = None,
    also: Sequence[str] = (),
    fresh: bool = False,
    quiet: bool = False,
) -> Best:
    """Find the settings that run a model fastest without changing its spikes, and return them with their proof.

    `command` is the command that runs the model, as a line or as words, started in `folder`; or a `Path`, a folder with
    a study.toml. The study is kept in `out` (default: runs/NAME in the current directory): called again, also after an
    interrupt, it goes on where it stopped, and a finished one is answered at once; `fresh` discards it. The winner's
    spikes are checked on the commands `also`, lines of other seeds or lengths. What is None is
    as study.toml says, or its default; the names and their meaning are those of study.toml and of the options of
    `python -m autotune run`. Progress is shown as the terminal or the notebook can show it (in Jupyter in place, with
    ipywidgets), unless `quiet`.

    Raises autotune.errors.AutotuneError, with `message` and `cure`: UsageError, BaselineError when the command does not
    run as it stands or does not reproduce itself, MpiError when its ranks do not make one world. KeyboardInterrupt
    leaves everything that was finished in `out`.
    """
    search = {
        "trials": trials,
        "time_budget_s": time_budget_s,
        "budget": budget,
        "seed": seed,
        "knobs": None if knobs is None else tuple(knobs),
        "exclude": None if exclude is None else tuple(exclude),
        "environments": None if environments is None else tuple(Path(each).absolute() for each in environments),
        "objective": objective,
    }
    run = {"workspace": workspace, "resident": resident}
    study = command if isinstance(command, Path) else None
    words = None if isinstance(command, Path) else shlex.split(command) if isinstance(command, str) else list(command)
    config = config_of(study, words, Path(folder).absolute(), search=search, run=run)
    progress = Reports(*([] if quiet else [_shown()]))
    others = [shlex.split(line) for line in also]
    place = Path(out or Path("runs") / config.name)
    try:
        return walk(config, place, storage=storage, fresh=fresh, progress=progress, also=others)
    finally:
        progress.close()


def load(path: str | Path) -> Best:
    """The answer of a finished study: of its folder, or of a best.json. Nothing is run.

    Raises autotune.errors.UsageError when there is none.
    """
    path = Path(path)
    return read_best(path) if path.is_file() else make_best(*open_finished(path))


def _shown() -> Progress:
    from rich.console import Console

    from autotune.report.terminal import TerminalProgress

    return TerminalProgress(Console(highlight=False))
