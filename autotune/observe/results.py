"""What is noted of the files of the watched run, so that those of later runs can be put beside them."""

from __future__ import annotations

from autotune.config import FilesConfig
from autotune.launch.results import Results, ResultsRecord, record_of, results_of
from autotune.launch.run import FreshRunner
from autotune.raster import Raster
from autotune.store.folder import StudyFolder


def results_of_watched(
    folder: StudyFolder, watcher: FreshRunner, baseline: Raster, limits: FilesConfig
) -> Results | None:
    """The files of the watched run, noted in the study's folder the first time; None where trials run in place, and
    overwrite them.
    """
    if watcher.files is None:
        return None
    known = folder.read(ResultsRecord)
    results = results_of(watcher.files.store, watcher.command.cwd, known, baseline, limits.ignore)
    if known is None:
        folder.write(record_of(results))
    return results
