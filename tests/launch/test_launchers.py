"""What every launcher must be, and that those that can be had really start, join and bind two ranks.

A new launcher needs its file in autotune/launch/launchers and an entry in EXAMPLES here; in REAL too where its MPI can
be installed. srun, jsrun and flux need a cluster: here they are held to their grammar alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path

import pytest

from autotune.agent.driver.start import Start
from autotune.agent.knobs import KNOBS
from autotune.agent.knobs.binding import CORE, CORES, NONE
from autotune.errors import UsageError
from autotune.launch import (
    Mpi,
    check_world,
    find_mpi,
    launch_environment,
    launchers,
    mpi_environment,
    parse_command,
    run_process,
)
from autotune.launch.launchers import LAUNCHERS, Launcher
from autotune.machine import physical_cores

PROGRAM = "nrniv -mpi init.hoc"


@dataclass(frozen=True)
class Example:
    """How a launcher is used. A line stands for launcher and options; the second of a pair is the number of ranks."""

    lines: tuple[tuple[str, int], ...]
    placed: tuple[str, ...]
    """Lines with which the user places the ranks himself."""
    version: tuple[str, str] | None
    """What `--version` prints, and the version in it; None where the name of the program must do."""
    in_folder: str = ""
    """A line that starts the program in the folder `there`; empty where no option does."""
    placed_by: tuple[str, ...] = ()
    """Variables that place ranks."""
    world: str = ""
    """The variable that tells a rank how many there are; empty where none is known."""


EXAMPLES = {
    "Open MPI": Example(
        lines=(
            ("mpirun -np 4", 4),
            ("mpiexec.openmpi --n=3 --mca btl self,vader -x PATH", 3),
            ("orterun -H a,b -c 2 --oversubscribe", 2),
            ("prterun --prtemca a b --np 2 --tag-output", 2),
            ("mpiexec --unheard-of 7 -n 2 --", 2),
        ),
        in_folder="mpirun -n 2 --wdir there",
        placed=(
            "mpirun --bind-to none -n 2",
            "mpirun -n 2 -rf ranks",
            "mpirun --map-by=slot:PE=2 -n 2",
            "mpirun --mca hwloc_base_binding_policy core -n 2",
            "mpirun -n 2 -bycore",
        ),
        placed_by=("OMPI_MCA_hwloc_base_binding_policy", "PRTE_MCA_rmaps_default_mapping_policy"),
        version=("mpiexec (Open MPI) 5.0.6\n\nReport bugs to …", "5.0.6"),
        world="OMPI_COMM_WORLD_SIZE",
    ),
    "MPICH": Example(
        lines=(
            ("mpiexec -n 4", 4),
            ("mpiexec.hydra -genv A B -genvall -np 3", 3),
            ("mpirun -genv A=B -ppn 2 -n 2", 2),
            ("mpiexec -f hosts -prepend-rank -n 2", 2),
        ),
        in_folder="mpiexec -wdir=there -n 2",
        placed=("mpiexec -bind-to core:2 -n 2", "mpiexec -n 2 -map-by socket", "mpiexec -membind local -n 2"),
        placed_by=("HYDRA_BINDING",),
        version=("HYDRA build details:\n    Version:                                 4.2.0\n    CC: gcc", "4.2.0"),
        world="PMI_SIZE",
    ),
    "Intel MPI": Example(
        lines=(
            ("mpiexec -n 4", 4),
            ("mpiexec.hydra -genv I_MPI_DEBUG 5 -s all -np 3", 3),
            ("mpirun -ppn 2 -iface eth0 -n 2 -prot", 2),
        ),
        in_folder="mpirun -wdir there -n 2",
        placed=(
            "mpiexec -genv I_MPI_PIN_DOMAIN socket -n 2",
            "mpiexec -genv I_MPI_PIN=0 -n 2",
            "mpiexec -n 2 -cpu-bind cores",
        ),
        placed_by=("I_MPI_PIN", "I_MPI_PIN_PROCESSOR_LIST"),
        version=("Intel(R) MPI Library for Linux* OS, Version 2021.10 Build 20230619 (id: c2e19c2f3e)", "2021.10"),
        world="PMI_SIZE",
    ),
    "Slurm": Example(
        lines=(
            ("srun -n 8", 8),
            ("srun -n8 -N2", 8),
            ("srun -c 4 --ntasks=16 -p debug --exclusive", 16),
            ("srun --mpi pmix --ntasks 2 --kill-on-bad-exit", 2),
        ),
        in_folder="srun -D there -n 2",
        placed=("srun -c 4 -n 2", "srun -c4 -n2", "srun --cpu-bind=none -n 2", "srun -n 2 -m block:cyclic"),
        placed_by=("SLURM_CPU_BIND", "SLURM_CPUS_PER_TASK"),
        version=("slurm 23.02.6", "23.02.6"),
        world="SLURM_STEP_NUM_TASKS",
    ),
    "Flux": Example(
        lines=(
            ("flux run -n 4", 4),
            ("flux run -n4 -o mpi=pmix --label-io", 4),
            ("flux run --ntasks=3 --env A=B -t 10m -q debug", 3),
            ("flux run -S a.b=c --rlimit nofile -n 2 --", 2),
        ),
        in_folder="flux run --cwd=there -n 2",
        placed=(
            "flux run -n 2 -c 4",
            "flux run -n2 -c4",
            "flux run -n 2 -o cpu-affinity=off",
            "flux run -ocpu-affinity=per-task -n 2",
            "flux run -N 2 -n 2",
        ),
        version=None,
        world="FLUX_JOB_SIZE",
    ),
    "jsrun": Example(
        lines=(
            ("jsrun -n 4", 4),
            ("jsrun -n4 -a2 -c2 -g0", 8),
            ("jsrun --nrs 2 --tasks_per_rs 3 --smpiargs off", 6),
            ("jsrun -p 5 -E A=B -X 1", 5),
            ("jsrun --np=2 --stdio_stdout out.txt", 2),
        ),
        in_folder="jsrun -h there -n 2",
        placed=("jsrun -n 2 -c 4", "jsrun -n2 -bpacked:2", "jsrun --bind=none -n 2", "jsrun -n 2 -d packed"),
        version=None,
        world="JSM_NAMESPACE_SIZE",
    ),
}
PAIRS = [pytest.param(launcher, EXAMPLES.get(launcher.name), id=launcher.name) for launcher in LAUNCHERS]
each = pytest.mark.parametrize(("launcher", "example"), PAIRS)


def parse(line: str):
    return parse_command([*line.split(), *PROGRAM.split()], Path("/"))


def test_every_launcher_has_its_example():
    assert {launcher.name for launcher in LAUNCHERS} == EXAMPLES.keys()


@each
def test_its_words_are_told_from_the_programs(launcher: Launcher, example: Example):
    for line, ranks in example.lines:
        command = parse(line)
        assert launcher in launchers.named(command.launcher[0])
        assert (" ".join(command.launcher), " ".join(command.program)) == (line, PROGRAM)
        assert (command.ranks, command.tunable_ranks) == (ranks, False), line
    assert bool(example.in_folder) == bool(launcher.grammar.folder)
    if example.in_folder:
        assert parse(example.in_folder).program_cwd == Path("/there")


def start_of(launcher: Launcher) -> tuple[str, ...]:
    """The words before its options."""
    return (launcher.programs[0], *sorted(launcher.grammar.subcommands)[:1])


@each
def test_its_number_of_ranks_can_be_tuned(launcher: Launcher, example: Example):
    option = sorted(launcher.grammar.ranks)[0]
    begin = start_of(launcher)
    command = parse(" ".join([*begin, option, "{ranks}"]))
    assert command.tunable_ranks
    assert command.render_launcher(3) == [*begin, option, "3"]
    with pytest.raises(UsageError, match="not a number of ranks"):
        parse(" ".join([*begin, option, "many"]))
    with pytest.raises(UsageError, match="number of ranks is not given"):
        parse(" ".join(begin))


def test_a_launcher_with_a_subcommand_starts_nothing_without_it():
    with pytest.raises(UsageError, match=r"flux submit: no run starts so") as error:
        parse("flux submit -n 2")
    assert "flux run -n 2" in error.value.cure


@each
def test_it_is_told_from_the_others_by_what_it_says(launcher: Launcher, example: Example):
    if example.version is None:
        assert launchers.named(launcher.programs[0]) == (launcher,)
        return
    printed, version = example.version
    assert [other for other in LAUNCHERS if other.version_text.search(printed)] == [launcher]
    for program in launcher.programs:
        assert launchers.identify(program, printed) == (launcher, version)


@each
def test_a_user_who_places_ranks_himself_is_noticed(launcher: Launcher, example: Example):
    for line in example.placed:
        assert launcher.places(line.split()[1:], {}), line
    for variable in example.placed_by:
        assert launcher.places((), {"PATH": "/bin", variable: "1"}), variable
    for line, _ in example.lines:
        words = [word for word in line.split()[1:] if not word.startswith("-c")]
        assert not launcher.places(words, {"PATH": "/bin", "OMPI_MCA_btl": "self"}), line


@each
def test_its_words_for_binding_are_options_of_its_own_that_place_ranks(launcher: Launcher, example: Example):
    if launcher.binding is None:  # not known, so the knob is left out: autotune/agent/knobs/binding.py
        assert launcher is not launchers.UNKNOWN
        return
    assert asdict(launcher.binding).keys() == {CORE, CORES, NONE}
    for value in (CORE, CORES, NONE):
        start = Start((*start_of(launcher), "-n", "2"), tuple(PROGRAM.split()), {}, binding=asdict(launcher.binding))
        bound = KNOBS["binding"].launch(start, value, {"binding": value, "threads": 4})
        assert launcher.places(bound.launcher[1:], {})
        command = parse(" ".join(bound.launcher))
        assert (command.launcher, command.program, command.ranks) == (bound.launcher, bound.program, 2)
        assert ("4" in "".join(bound.launcher)) == (value == CORES)


@each
def test_it_says_how_to_get_it_and_what_tells_a_rank_the_size_of_the_world(launcher: Launcher, example: Example):
    assert launcher.install
    assert launcher.world_variable == example.world
    assert launcher.cure("something else went wrong") == ""


def test_launchers_of_one_name_agree_on_the_values_of_their_options():
    for one, other in combinations(LAUNCHERS, 2):
        if set(one.programs) & set(other.programs):
            both = one.grammar | other.grammar
            for option in both.ranks | both.folder | both.one_value | both.two_values:
                numbers = {one.grammar.values(option), other.grammar.values(option), both.values(option)}
                assert len(numbers - {0}) == 1, (one.name, other.name, option)


def test_slurm_knows_the_number_of_ranks_of_its_allocation(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "12")
    assert parse("srun").ranks == 12


def test_jsrun_tunes_tasks_not_resource_sets():
    assert parse("jsrun -p {ranks} -a 2").render_launcher(4)[2] == "4"
    with pytest.raises(UsageError, match="2 tasks in each resource set") as error:
        parse("jsrun -n {ranks} -a 2")
    assert "--np {ranks}" in error.value.cure


def test_root_may_start_open_mpi_and_the_others_need_nothing():
    needed = {launcher.name: launcher.variables(root=True) for launcher in LAUNCHERS}
    assert needed["Open MPI"]["OMPI_ALLOW_RUN_AS_ROOT"] == needed["Open MPI"]["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] == "1"
    assert [name for name, variables in needed.items() if variables] == ["Open MPI"]
    assert not any(launcher.variables(root=False) for launcher in LAUNCHERS)


@pytest.mark.parametrize(
    ("name", "printed", "cure"),
    [
        ("Open MPI", "There are not enough slots available in the system", "--oversubscribe"),
        ("Slurm", "srun: error: Unable to create step for job 5: More processors requested than permitted", "salloc"),
    ],
)
def test_too_many_ranks_have_a_cure(name: str, printed: str, cure: str):
    launcher = next(launcher for launcher in LAUNCHERS if launcher.name == name)
    assert cure in launcher.cure(printed)


# Real runs, with every MPI that can be installed here.

RANK = """
import json, os, pathlib, sys
from neuron import h
from autotune.agent.knobs.binding import Binding
from autotune.agent.simulator import Simulator

h.nrnmpi_init()
pc = h.ParallelContext()
folder, world, value, threads = sys.argv[1:]
pc.nthread(int(threads))
seen = {
    "rank": int(pc.id()),
    "nhost": int(pc.nhost()),
    "announced": os.environ.get(world),
    "binding": Binding().read_back(Simulator(), {"binding": value}),
    "cpus": sorted(os.sched_getaffinity(0)),
}
pathlib.Path(folder, "%d.json" % os.getpid()).write_text(json.dumps(seen))
pc.barrier()
h.quit()
"""
REAL = {
    "Open MPI 5": ("Open MPI", "5."),
    "Open MPI 4": ("Open MPI", "4."),
    "MPICH": ("MPICH", ""),
    "Intel MPI": ("Intel MPI", ""),
}
DEBIAN = "openmpi-bin"


@dataclass(frozen=True)
class Installed:
    """An MPI of this machine, and what its user has in the environment."""

    mpiexec: str
    environment: dict[str, str] = field(default_factory=dict)

    def mpi(self, folder: Path, ranks: int = 2) -> tuple[list[str], Mpi, dict[str, str]]:
        """The launcher's words, what the tuner finds out about it, and the environment of a run."""
        command = parse_command([self.mpiexec, "-n", str(ranks), sys.executable, "rank.py"], folder)
        environment = launch_environment(command, self.environment)
        mpi = find_mpi(command, environment)
        environment |= mpi_environment(mpi, environment)
        check_world(command, mpi, environment)
        return command.render(), mpi, environment


@pytest.fixture(scope="module", params=REAL)
def installed(request: pytest.FixtureRequest, kept: Path, environments: Callable[..., Path]) -> Installed:
    own = {"PATH": "/usr/bin:/bin", "HOME": os.path.expanduser("~"), "OMPI_MCA_btl": "^ofi"}
    if request.param == "Open MPI 5":
        return Installed("mpiexec", {**own, "PATH": os.pathsep.join([str(Path(sys.executable).parent), own["PATH"]])})
    if request.param == "Open MPI 4":
        return debians(kept, own)
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("its wheel is tried on Linux with x86_64 only")
    wheel = {"MPICH": "mpich==5.0.2", "Intel MPI": "impi-rt==2021.18.1"}[request.param]
    try:
        programs = environments(wheel)
    except subprocess.CalledProcessError:
        pytest.skip(f"pip cannot install {wheel} here")
    return Installed(str(programs / "mpiexec"), own)


def debians(kept: Path, own: dict[str, str]) -> Installed:
    """Debian's package, unpacked beside the system: installed, it would be the first mpiexec on everybody's PATH."""
    if shutil.which("mpiexec.openmpi"):
        return Installed("mpiexec.openmpi", own)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip(f"no apt-get here to fetch Debian's {DEBIAN} with")
    home = kept / f"debian-{DEBIAN}"
    with (kept / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "ready").exists():
            shutil.rmtree(home, ignore_errors=True)
            (home / "packages").mkdir(parents=True)
            try:
                unpack(DEBIAN, home)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"{DEBIAN} cannot be fetched (apt-get update?): {error.stderr[-200:]}")
            (home / "ready").touch()
    usr = home / "usr"
    libraries = usr / "lib" / f"{platform.machine()}-linux-gnu"
    quiet = {"OMPI_MCA_mca_base_component_show_load_errors": "0"}  # of networks that this machine has not
    moved = {"OPAL_PREFIX": str(usr), "LD_LIBRARY_PATH": f"{libraries}:{libraries / 'openmpi/lib'}"}
    return Installed(str(usr / "bin/mpiexec.openmpi"), {**own, **quiet, **moved})


def unpack(package: str, home: Path) -> None:
    """Unpack `package` and all that it needs and the system has not. Raises CalledProcessError."""

    def out(*words: str, cwd: Path = home) -> str:
        done = subprocess.run(words, cwd=cwd, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return done.stdout

    plan = out("apt-get", "install", "--simulate", "--no-install-recommends", package)
    names = [line.split()[1] for line in plan.splitlines() if line.startswith("Inst ")]
    out("apt-get", "download", *names, cwd=home / "packages")
    for file in (home / "packages").iterdir():
        out("dpkg-deb", "--extract", str(file), str(home))
    shutil.rmtree(home / "packages")


@pytest.mark.mpi
def test_two_real_ranks_join_and_are_bound_as_asked(
    installed: Installed, tmp_path: Path, request: pytest.FixtureRequest
):
    (tmp_path / "rank.py").write_text(RANK)
    words, mpi, environment = installed.mpi(tmp_path)
    family, version = REAL[request.node.callspec.params["installed"]]
    assert mpi.family == family
    assert mpi.version.startswith(version)
    assert mpi.version
    assert not mpi.kind.places(words[1:3], environment)
    for value in (NONE, CORE) if physical_cores() > 1 else (NONE,):
        seen = run(tmp_path / value, mpi, words, environment, value)
        assert [(rank["rank"], rank["nhost"], rank["announced"]) for rank in seen] == [(0, 2, "2"), (1, 2, "2")]
        assert {rank["binding"] for rank in seen} == {value}
        if value == CORE:
            assert not set(seen[0]["cpus"]) & set(seen[1]["cpus"])


@pytest.mark.mpi
def test_a_real_rank_gets_as_many_cores_as_threads(installed: Installed, tmp_path: Path):
    if physical_cores() < 2:
        pytest.skip("one core: no threads")
    (tmp_path / "rank.py").write_text(RANK)
    words, mpi, environment = installed.mpi(tmp_path, ranks=1)
    (rank,) = run(tmp_path / CORES, mpi, words, environment, CORES, threads=2)
    assert (rank["nhost"], rank["binding"]) == (1, CORES)


def run(
    folder: Path, mpi: Mpi, words: list[str], environment: dict[str, str], value: str, threads: int = 1
) -> list[dict[str, object]]:
    """What each rank saw of itself, bound by the knob."""
    folder.mkdir()
    program = (*words[3:], str(folder), mpi.kind.world_variable, value, str(threads))
    start = Start(tuple(words[:3]), program, environment, binding=asdict(mpi.kind.binding))
    start = KNOBS["binding"].launch(start, value, {"binding": value, "threads": threads})
    finished = run_process(
        [*start.launcher, *start.program],
        cwd=folder.parent,
        env=start.environment,
        stdout=folder / "out.txt",
        stderr=folder / "err.txt",
        timeout_s=60,
    )
    seen = [json.loads(file.read_text()) for file in folder.glob("*.json")]
    assert seen, finished.tail()
    return sorted(seen, key=lambda rank: rank["rank"])


@pytest.mark.mpi
def test_a_model_is_watched_and_its_binding_searched(installed: Installed, tmp_path: Path, autotune, make_study):
    study = make_study(tmp_path / "ring", f"{installed.mpiexec} -n 2 {{python}} small_ring.py")
    answer = autotune("plan", study, cwd=tmp_path, env=installed.environment)
    assert answer.code == 0, str(answer)  # serial copies of the model would be refused
    searched, _, left_out = answer.stdout.partition("not searched")
    assert left_out
    assert ("binding" in searched) == (physical_cores() > 1)


@pytest.mark.mpi
@pytest.mark.slow
def test_a_whole_study_ends_and_its_trials_were_bound_as_asked(
    installed: Installed, tmp_path: Path, autotune, make_study
):
    if physical_cores() < 2:
        pytest.skip("one core: nothing to bind to")
    line = f"{installed.mpiexec} -n 2 {{python}} small_ring.py"
    study = make_study(tmp_path / "ring", line, search={"trials": 4, "knobs": ["binding", "nspike"]})
    answer = autotune("run", study, "--out", tmp_path / "out", cwd=tmp_path, env=installed.environment)
    assert answer.code == 0, str(answer)
    trials = [json.loads(file.read_text()) for file in (tmp_path / "out" / "trials").glob("*.json")]
    assert {trial["verdict"] for trial in trials} == {"accepted"}
    assert len({trial["effective"]["binding"] for trial in trials}) == 2
    assert all(trial["params"]["binding"] == trial["effective"]["binding"] for trial in trials)
