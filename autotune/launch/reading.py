"""What the ranks of one run left in its folder, read back as one Run; a missing or torn file is a failed run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autotune.agent.knobs import KNOBS
from autotune.agent.protocol import REPORT_PATTERN, RankReport, trace_file
from autotune.errors import UsageError
from autotune.launch.ask import Run
from autotune.launch.family import read_family
from autotune.launch.jobs import Spikes, by_job
from autotune.launch.judge import Evidence, RunFailed, judge, worked_by_jobs
from autotune.launch.process import Finished
from autotune.launch.reports import read_report
from autotune.launch.sections import Timing, section_times
from autotune.raster import Raster, merge
from autotune.raster.files import pieces_of
from autotune.settings import Effective
from autotune.traces.files import taken
from autotune.untrusted import BROKEN, Arrays

TORN = "The disk may be full, or the model writes into the tuner's folder. Run the same command again."


def read_run(
    folder: Path, finished: Finished, asked: int, parallel: bool, timing: Timing, place: Path, keep: Path
) -> Run:
    """The run of `asked` ranks, under a launcher if `parallel`, in the folder `place`. What it recorded is moved to
    `keep` as long as somebody holds the run. Raises RunFailed.
    """
    reports, files, helpers = _read_reports(folder, finished)
    family = read_family(folder, parallel)
    judge(Evidence(reports, finished, asked, parallel, place, helpers, family))
    busy = [report for report in reports if report.simulated]
    try:
        by_jobs = worked_by_jobs(reports)
        raster = _raster(reports, files, by_jobs, keep)
        effective = Effective(
            {
                name: knob.agree(tuple(r.effective[name] for r in busy))
                for name, knob in KNOBS.items()
                if name in busy[0].effective
            }
        )
    except (UsageError, *BROKEN) as error:
        raise RunFailed(
            "crashed", f"the ranks' files cannot be merged: {error}", cure=TORN, details=finished.tail()
        ) from error
    sections = section_times(reports, finished.wall_s, timing)
    return Run(
        tuple(reports),
        raster,
        effective,
        sections["run"],
        sections,
        finished.wall_s,
        finished.exit_code,
        by_jobs=by_jobs,
        traces=taken(((report.rank, trace_file(file)) for report, file in zip(reports, files, strict=True)), keep),
        inner=family.started((report.pid for report in reports), place),
    )


def _read_reports(folder: Path, finished: Finished) -> tuple[list[RankReport], list[Path], list[RankReport]]:
    """The reports of the model's own processes, their files of spikes, and the reports of processes that these have
    started and that simulate, too: helpers of the model, as far as judge.py finds them small enough.
    """
    found = []
    for file in folder.glob(REPORT_PATTERN):
        try:
            found.append((read_report(file), file.with_suffix(".npz")))
        except (ValueError, OSError) as error:
            raise RunFailed(
                "crashed", f"{file.name}: torn or foreign: {error}", cure=TORN, details=finished.tail()
            ) from error
    found.sort(key=lambda pair: (pair[0].rank, pair[0].pid))
    # A process that only starts the ranks is none, and neither is one that a rank starts; a rank without a job is one.
    sizes = {report.nhost for report, _ in found if _ran(report)} - {1}
    running = [(report, file) for report, file in found if _ran(report) or report.nhost in sizes] or found
    there = {(report.host, report.pid) for report, _ in running}
    inside = [any((report.host, pid) in there for pid in report.ancestors) for report, _ in running]
    ranks = [pair for pair, helper in zip(running, inside, strict=True) if not helper]
    helpers = [report for (report, _), helper in zip(running, inside, strict=True) if helper]
    return [report for report, _ in ranks], [file for _, file in ranks], helpers


def _ran(report: RankReport) -> bool:
    return bool(report.simulated or report.exception)


def left_waiting(files: Sequence[Path]) -> bool:
    """Whether ranks that have not reported yet wait for ever for one that has: it failed, or left an exchange of
    spikes. Ranks that work at jobs of their own end when they like.
    """
    try:
        reports = [read_report(file) for file in files]
    except (ValueError, OSError):
        return True
    failed = any(report.exception or report.errors for report in reports)
    together = [report for report in reports if report.nhost > 1 and report.subsize == report.nhost]
    return failed or (any(r.output_gids for r in together) and len(together) % together[0].nhost != 0)


def _raster(reports: list[RankReport], files: list[Path], by_jobs: bool, place: Path) -> Raster:
    if by_jobs:
        return by_job(reports, lambda at: _all_spikes(files[at]), place)
    # Where NEURON looks for spikes on one rank, what the agent has found in the voltages of another does not count.
    detected = any(report.detectors for report in reports)
    counted = [file for report, file in zip(reports, files, strict=True) if not (detected and report.spots)]
    return merge((piece for file in counted for piece in pieces_of(file)), place)


def _all_spikes(file: Path) -> Spikes:
    with Arrays(file) as data:
        return data.read("gid"), data.read("time_ms")
