"""A process that reads files as nobody would write them: `python feeding.py READER SEEDS EXAMPLES`, in 2 GB of memory.

SEEDS is a folder with real files (test_fuzz_readers.py makes it). Each input ends in a result or in an AutotuneError
with words in it, within 20 s; anything else ends the process with the traceback, and the input lies in SEEDS/input. At
the end it says as JSON how many inputs ended how, the longest time and the most memory.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import mutations
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console

from autotune.best import read_best
from autotune.cluster import status_of
from autotune.cluster.schedulers import job_here
from autotune.commands.common import words_of
from autotune.config import read_study
from autotune.errors import AutotuneError
from autotune.handover.answer import read_answer
from autotune.handover.formats import NAMES, named
from autotune.handover.recorded import merge
from autotune.handover.shims import shell_lines
from autotune.launch.process import Finished
from autotune.launch.reading import left_waiting, read_run
from autotune.machine import ALLOCATED, usable_cores
from autotune.observe.facts import merge_facts
from autotune.raster import read_raster
from autotune.report.format import format_changes
from autotune.report.html import html_report
from autotune.report.studies import find_studies, show_study, show_trial
from autotune.report.terminal import study_view, trial_table, trial_view
from autotune.report.terminal.workers import status_view
from autotune.report.trials import trials_frame
from autotune.results.pair import measured
from autotune.search.sampler import make_sampler
from autotune.store.folder import open_finished
from autotune.store.opening import open_storage, storage_errors_told
from autotune.store.optuna import open_study, reconcile, tell_measured
from autotune.store.shared import SharedFolder
from autotune.store.workers import NAME, this_worker
from autotune.traces.files import SUFFIX, TracesError

MOST_BYTES = 2 << 30
LONGEST_S = 20


class Hangs(BaseException):
    """An input that is read for too long."""


def study(file: Path) -> None:
    config = read_study(file)
    assert config.name
    config.environments()


def best(file: Path) -> None:
    answer = read_best(file)
    format_changes(answer.changes)
    list(shell_lines(answer, file))


def raster(file: Path) -> None:
    read_raster(file).digest()


def journal(file: Path) -> None:
    with storage_errors_told():
        found = open_study(open_storage(file.parent), "ring", 0, lambda seed: make_sampler(seed, 10))
        reconcile(found, {})
        asked = found.ask()
        asked.suggest_categorical("dt", (0.025, 0.05))
        tell_measured(found, asked, 0.9, 0.0)


def record(file: Path) -> None:
    """A study folder in which this file was changed, as every command looks at it."""
    folder = file.parent.parent if file.parent.name == "trials" else file.parent
    find_studies(folder)
    opened, known = open_finished(folder)
    looks: list[Callable[[], object]] = [
        lambda: trial_table(opened.trials()),
        lambda: trials_frame(opened.trials()),
        lambda: study_view(show_study(opened)),
        lambda: trial_view(show_trial(opened, 0)),
        lambda: html_report(opened, known),
        *(lambda name=name: named(name).text(read_answer(opened, known)) for name in NAMES),
    ]
    problems = []
    for look in looks:
        try:
            look()
        except AutotuneError as error:
            check_words(error)
            problems.append(error)
    if problems:
        raise problems[0]


def rank(file: Path) -> None:
    """The folder of a run in which this file was changed."""
    out = file.parent / "stdout.txt"
    finished = Finished(("python",), 0, None, False, False, 1.0, out, out)
    left_waiting([file.parent / name for name in ("rank.json",)])
    run = read_run(file.parent, finished, 1, False, "psolve", file.parent, file.parent)
    if run.traces is not None:
        try:
            for key in run.traces.keys:
                run.traces.name(key)
                run.traces.read(key)
        except TracesError:
            pass
    if run.reports[0].model:
        merge_facts(run, COMMAND)


def result(file: Path) -> None:
    """A file that a model writes beside that of its own run."""
    for pair in ((OWN[file.suffix], file), (file, OWN[file.suffix])):
        found = measured(file.name, *pair)
        assert found.presence != "not understood" or found.why


def cluster(file: Path) -> None:
    """A submitted study in which a claim, the record of a worker or what was submitted has changed."""
    folder = next(above for above in file.parents if above.name == "cluster").parent
    status = status_of(folder)
    json.dumps(status.as_dict())
    Console(file=io.StringIO()).print(status_view(status))
    shared = SharedFolder(folder, this_worker("", "", 1))
    known: list[Any] = []
    shared.refresh(known)
    shared.claims()
    shared.others()


def parts(file: Path) -> None:
    """Parts of a production run, merged."""
    folder = next(above for above in file.parents if above.name.endswith(".parts"))
    merge(folder, folder.with_suffix(".h5"))


def words(file: Path) -> None:
    """Text from options and from variables of schedulers."""
    for line in {*file.read_bytes().decode(errors="replace").replace("\0", "").splitlines()[:20]}:
        environment = dict.fromkeys(SCHEDULED, line[:100000])
        for name in SCHEDULED:
            job = job_here({name: line, "SGE_ROOT": "/"} if name.startswith(("JOB", "SGE")) else environment)
            assert NAME.fullmatch(this_worker(job, "", 1).name)
        os.environ[ALLOCATED] = line[:100_000]
        assert 1 <= usable_cores() < 10_000_000
        words_of(line)


SCHEDULED = (
    *("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID", "PBS_JOBID"),
    *("LSB_JOBID", "LSB_JOBINDEX", "JOB_ID", "SGE_TASK_ID"),
)
OWN: dict[str, Path] = {}
COMMAND: Any = None
READERS: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (study, best, raster, journal, record, rank, result, cluster, parts, words)
}


def check_words(error: AutotuneError) -> None:
    """A message that can be printed, and read."""
    assert error.message.strip()
    assert len(str(error)) < 3000, "a message of a page"
    str(error).encode()


def inputs(reader: str, seeds: Path) -> dict[Path, st.SearchStrategy[bytes]]:
    """For each real file the strategy that changes it."""
    files = [file for file in sorted((seeds / reader).rglob("*")) if file.is_file()]
    found = {}
    for file in files:
        data = [file.read_bytes()]
        if file.suffix == ".json" and reader != "result":
            found[file] = mutations.json_of(data)
        elif file.suffix in (".npz", SUFFIX):
            found[file] = mutations.zip_of(data)
        elif file.name != "stdout.txt" and file.suffix != ".lock":
            found[file] = mutations.bytes_of(data)
    return found


def feed(reader: str, seeds: Path, examples: int) -> dict[str, Any]:
    """Read so many changed files."""
    global COMMAND
    ended: Counter[str] = Counter()
    longest_s = 0.0
    strategies = inputs(reader, seeds)
    place = seeds / "work" / reader
    shutil.copytree(seeds / reader, place)
    OWN.update({file.suffix: file for file in (seeds / reader).rglob("*") if file.is_file()})
    if reader == "rank":
        from autotune.launch.command import parse_command

        COMMAND = parse_command([sys.executable, "model.py"], place)

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(sorted(strategies)).flatmap(lambda file: st.tuples(st.just(file), strategies[file])))
    def fed(given: tuple[Path, bytes]) -> None:
        nonlocal longest_s
        file, data = given
        here = place / file.relative_to(seeds / reader)
        here.write_bytes(data)
        (seeds / "input").write_text(f"{file}\n")
        began_s = time.monotonic()
        signal.alarm(LONGEST_S)
        try:
            READERS[reader](here)
            ended["read"] += 1
        except AutotuneError as error:
            check_words(error)
            ended["told"] += 1
        finally:
            signal.alarm(0)
            longest_s = max(longest_s, time.monotonic() - began_s)
        for changed in place.rglob("*"):
            if changed.is_file():
                changed.unlink()
        shutil.copytree(seeds / reader, place, dirs_exist_ok=True)

    fed()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**ended, "inputs": ended.total(), "longest_s": round(longest_s, 2), "peak_mb": round(peak)}


def stop(number: int, frame: FrameType | None) -> None:
    raise Hangs


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, stop)
    warnings.simplefilter("ignore")
    print(json.dumps(feed(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
