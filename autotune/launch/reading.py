"""What the ranks of one run left in its folder, read back as one Run; a missing or torn file is a failed run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from autotune.agent.knobs import KNOBS
from autotune.agent.protocol import REPORT_PATTERN, RankReport
from autotune.launch.ask import Run
from autotune.launch.judge import RunFailed, judge
from autotune.launch.process import Finished
from autotune.launch.sections import Timing, section_times
from autotune.raster import Raster, merge
from autotune.settings import Effective


def read_run(folder: Path, finished: Finished, asked: int, parallel: bool, timing: Timing) -> Run:
    """The run of `asked` ranks, under a launcher if `parallel`. Raises RunFailed."""
    reports, spikes = _read_reports(folder, finished)
    judge(reports, finished, asked, parallel)
    try:
        raster = merge(_read_spikes(file) for file in spikes)
        effective = Effective(
            {
                name: knob.agree(tuple(r.effective[name] for r in reports))
                for name, knob in KNOBS.items()
                if name in reports[0].effective
            }
        )
    except (ValueError, OSError, KeyError) as error:
        raise RunFailed("crashed", f"the ranks' files cannot be merged: {error}", details=finished.tail()) from error
    sections = section_times(reports, finished.wall_s, timing)
    return Run(tuple(reports), raster, effective, sections["run"], sections, finished.wall_s, finished.exit_code)


def _read_reports(folder: Path, finished: Finished) -> tuple[list[RankReport], list[Path]]:
    found = []
    for file in folder.glob(REPORT_PATTERN):
        try:
            found.append((RankReport.from_json(file.read_text()), file.with_suffix(".npz")))
        except (ValueError, TypeError, OSError) as error:
            raise RunFailed("crashed", f"{file.name}: torn or foreign: {error}", details=finished.tail()) from error
    found.sort(key=lambda pair: (pair[0].rank, pair[0].pid))
    # A helper process of the model is no rank, whether it simulates something of its own or not.
    running = [pair for pair in found if pair[0].sections or pair[0].exception] or found
    there = {(report.host, report.pid) for report, _ in running}
    running = [pair for pair in running if not any((pair[0].host, pid) in there for pid in pair[0].ancestors)]
    return [report for report, _ in running], [file for _, file in running]


def _read_spikes(file: Path) -> Raster:
    with np.load(file, allow_pickle=False) as data:
        return Raster.from_arrays(data["gid"], data["time_ms"])
