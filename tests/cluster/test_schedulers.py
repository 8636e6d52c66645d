"""What each scheduler is asked for: a readable script, the same for the same wishes, that bash can read."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autotune.cluster import Wishes, job_script
from autotune.cluster.schedulers import SCHEDULERS, find, job_here, named
from autotune.config import StudyConfig, make_config
from autotune.errors import UsageError

GOLDEN = Path(__file__).parent / "golden"
ALL = Wishes(workers=8, ranks=64, nodes=2, partition="long", time_s=5400.0, exclusive=True)
FEW = Wishes(workers=1)
HERE = {"PATH": ""}


def config(command: str = "mpiexec -n 4 {python} model.py", **cluster: object) -> StudyConfig:
    return make_config({"name": "ring", "command": command, "folder": Path("/models/ring"), "cluster": cluster})


def script(scheduler: str, wishes: Wishes, **cluster: object) -> str:
    asked = Wishes(**{**vars(wishes), "scheduler": scheduler, "nodes": None if scheduler == "SGE" else wishes.nodes})
    text = job_script(config(**cluster), Path("/home/user/runs/ring"), asked, HERE)
    return text.replace(sys.executable, "/env/bin/python")


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(("wishes", "name"), [(ALL, "all"), (FEW, "few")], ids=["all", "few"])
def test_the_script_is_the_golden_one_and_bash_reads_it(scheduler: str, wishes: Wishes, name: str) -> None:
    site = {"setup": ("module load openmpi", 'export TMPDIR="/scratch/$USER"'), "options": ("--account=abc",)}
    text = script(scheduler, wishes, **(site if wishes is ALL else {}))
    golden = GOLDEN / f"{scheduler.lower()}-{name}.sh"
    assert text == golden.read_text()
    subprocess.run(["bash", "-n", golden], check=True)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_odd_names_and_folders_are_quoted(scheduler: str) -> None:
    odd = make_config({"name": "it's\"[1]", "command": "python model.py", "folder": Path("/models/ring")})
    text = job_script(odd, Path("/home/a user/it's"), Wishes(2, scheduler=scheduler), HERE)
    (log,) = (line for line in text.splitlines() if "cluster/log" in line)
    assert shlex.split(log.partition(" ")[2])[-1].removeprefix("--output=").startswith("/home/a user/it's/cluster/log")
    assert shlex.split(text.splitlines()[-1])[-2:] == ["worker", "/home/a user/it's"]
    assert "autotune-it-s-1" in text
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_lines_that_bash_cannot_read_are_refused_before_a_job_is_made() -> None:
    for line in ("export A=\"it's $HOME\" B='\"'", "f() { echo $((1 + 2)); }", "# it's"):
        assert f"\n{line}\n" in script("slurm", FEW, setup=(line,))
    with pytest.raises(UsageError, match="bash cannot read") as told:
        script("slurm", FEW, setup=('export A="not closed',))
    assert "not closed" in told.value.details
    with pytest.raises(UsageError, match="options"):
        config(options=("--account=abc\nrm -rf x",))


def test_four_schedulers_are_found_and_each_has_golden_files() -> None:
    assert {name.lower() for name in SCHEDULERS} == {"slurm", "pbs", "lsf", "sge"}
    assert {file.name.partition("-")[0] for file in GOLDEN.iterdir()} == {name.lower() for name in SCHEDULERS}


@pytest.mark.parametrize(
    ("scheduler", "printed", "job"),
    [
        ("slurm", "4711\n", "4711"),
        ("slurm", "4711;cluster\n", "4711"),
        ("pbs", "4711[].server\n", "4711[].server"),
        ("pbs", "4711.server\n", "4711.server"),
        ("lsf", "Job <4711> is submitted to queue <normal>.\n", "4711"),
        ("sge", 'Your job-array 4711.1-8:1 ("autotune-ring") has been submitted\n', "4711"),
        ("sge", 'Your job 4711 ("autotune-ring") has been submitted\n', "4711"),
    ],
)
def test_the_job_is_read_from_what_is_printed(scheduler: str, printed: str, job: str) -> None:
    found = named(scheduler).job_id.search(printed)
    assert found is not None
    assert found[1] == job


@pytest.mark.parametrize(
    ("environment", "job"),
    [
        ({"SLURM_JOB_ID": "12", "SLURM_ARRAY_JOB_ID": "11", "SLURM_ARRAY_TASK_ID": "2"}, "11_2"),
        ({"SLURM_JOB_ID": "12"}, "12"),
        ({"PBS_JOBID": "11[2].server"}, "11[2].server"),
        ({"LSB_JOBID": "11", "LSB_JOBINDEX": "2"}, "11[2]"),
        ({"LSB_JOBID": "11", "LSB_JOBINDEX": "0"}, "11"),
        ({"SGE_ROOT": "/sge", "JOB_ID": "11", "SGE_TASK_ID": "2"}, "11.2"),
        ({"JOB_ID": "11"}, ""),
        ({}, ""),
    ],
)
def test_a_worker_knows_its_job(environment: dict[str, str], job: str) -> None:
    assert job_here(environment) == job


@pytest.mark.parametrize(
    ("program", "environment", "scheduler"),
    [
        ("sbatch", {}, "Slurm"),
        ("bsub", {}, "LSF"),
        ("qsub", {}, "PBS"),
        ("qsub", {"SGE_ROOT": "/sge"}, "SGE"),
    ],
)
def test_the_scheduler_is_that_of_the_machine(
    tmp_path: Path, program: str, environment: dict[str, str], scheduler: str
) -> None:
    shutil.copy("/bin/true", tmp_path / program)
    assert find({"PATH": str(tmp_path), **environment}).name == scheduler


def test_without_a_scheduler_it_is_said_what_was_looked_for() -> None:
    with pytest.raises(UsageError, match=r"sbatch \(Slurm\)") as told:
        find(HERE)
    assert "--scheduler slurm --dry-run" in told.value.cure


def test_an_unknown_scheduler_is_told_with_those_that_are_known() -> None:
    with pytest.raises(UsageError) as told:
        named("cron")
    assert all(name in told.value.cure for name in SCHEDULERS)


@pytest.mark.parametrize(
    ("command", "wishes", "message"),
    [
        ("mpiexec -n 4 {python} model.py", Wishes(2, ranks=2, scheduler="slurm"), "asks for 4 ranks"),
        ("mpiexec -n {ranks} {python} model.py", Wishes(2, scheduler="slurm"), "how many there may be"),
        ("mpiexec -n 4 {python} model.py", Wishes(2, nodes=3, scheduler="pbs"), "evenly over 3 nodes"),
        ("mpiexec -n 4 {python} model.py", Wishes(2, nodes=2, scheduler="sge"), "does not take --nodes"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(command: str, wishes: Wishes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        job_script(config(command), Path("runs/ring"), wishes, HERE)
