"""Every message of launch/judge.py, provoked by a real run; what real NEURON does only by accident is in
tests/agent/test_reports.py.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from autotune.launch.command import launch_environment, parse_command
from autotune.launch.judge import RunFailed
from autotune.launch.mpi import find_mpi, mpi_environment
from autotune.launch.run import FreshRunner, stage_agent

pytestmark = pytest.mark.mpi

MODELS = Path(__file__).parents[1] / "models"
PYTHON, NRNIV = sys.executable, str(Path(sys.executable).with_name("nrniv"))
TWO = ["mpiexec", "-n", "2"]
CELL = "from neuron import h; h.nrnmpi_init(); pc = h.ParallelContext(); s = h.Section(name='s'); s.insert('hh'); "
SOURCE = "pc.set_gid2node(int(pc.id()), int(pc.id())); pc.cell(int(pc.id()), h.NetCon(s(0.5)._ref_v, None, sec=s)); "
STEP = "h.finitialize(-65); h.fadvance(); "


@pytest.fixture
def fails(tmp_path: Path) -> Callable[..., RunFailed]:
    """`fails(words…)`: how the watched run of this command fails, in a copy of tests/models."""
    shutil.copytree(MODELS, tmp_path / "model")
    stage_agent(tmp_path / "agent")

    def run(*words: str, limit_s: float = 60.0, end_grace_s: float = 30.0) -> RunFailed:
        command = parse_command(words, tmp_path / "model")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = launch_environment(command, {**os.environ, "PATH": path})
        two_ranks = parse_command([*TWO, "x"], tmp_path / "model")  # a script may start some by itself
        environment |= mpi_environment(find_mpi(two_ranks, environment), environment)
        with pytest.raises(RunFailed) as caught:
            FreshRunner(command, environment, tmp_path / "agent", tmp_path / "scratch", end_grace_s).watch(limit_s)
        return caught.value

    return run


def test_a_run_that_computes_for_too_long(fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "-c", CELL + "h.finitialize(-65)\nwhile True: h.fadvance()", limit_s=3)
    assert failure.message == "still running after 3 s"
    assert failure.failure == "timeout"


def test_a_run_that_waits_for_somebody(fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "hangs.py", limit_s=10)  # of which starting it takes a second at most
    assert failure.message.startswith("still running after 10 s, of which it computed for 0.")
    assert failure.message.endswith("it waits")
    assert "Nobody closes a window or presses a key" in failure.cure


@pytest.mark.parametrize(
    ("program", "what"),
    [
        (STEP + "input('press a key')", "EOFError"),
        (STEP + "open('/dev/tty')", "OSError: [Errno 6]"),
        (STEP + "import getpass, os, termios; termios.tcgetattr(0)", "error: (25"),
    ],
)
def test_a_key_that_is_waited_for(program: str, what: str, fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "-c", CELL + program)
    assert failure.message.startswith(f"rank 0: {what}")
    assert "there is nobody to type" in failure.cure


def test_an_exception_of_one_rank(fails: Callable[..., RunFailed]) -> None:
    assert fails(*TWO, PYTHON, "rank_fails.py", end_grace_s=1).message.startswith("rank 1: ValueError")


def test_a_rank_that_leaves_the_others_waiting(fails: Callable[..., RunFailed]) -> None:
    leaves = "from mpi4py import MPI; " + CELL + SOURCE + STEP + "pc.id() or pc.barrier()"  # MPI_Finalize waits at exit
    failure = fails(*TWO, PYTHON, "-c", leaves, end_grace_s=1)
    assert failure.message == "rank 1 ended, and the others went on waiting"


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_workers_of_multiprocessing(way: str, fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "starts_others.py", way)
    assert failure.message.startswith("NEURON runs in 2 workers that the model starts (multiprocessing")
    assert "map instead of pool.map" in failure.cure


@pytest.mark.parametrize(
    ("way", "what"),
    [
        ("twice", "the command starts NEURON 2 times"),
        ("clean", "the command itself simulates nothing: NEURON runs in what it starts"),
        ("ended early", "NEURON runs in processes that the command starts, and they were ended early"),
    ],
)
def test_a_script_that_starts_mpiexec_itself(way: str, what: str, fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "starts_others.py", *way.split())
    script = "lingers.py" if way == "ended early" else "small_ring.py --tstop 20"
    assert failure.message == what
    assert failure.cure == f"Tune the inner command: mpiexec -n 2 {PYTHON} {script}"


def test_a_script_that_starts_mpiexec_without_a_world(fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "starts_others.py", "copies")
    assert failure.message == "mpiexec, which the command starts, runs 2 serial copies of NEURON (nhost is 1)"
    assert failure.cure.startswith("Call h.nrnmpi_init()")
    assert failure.cure.endswith(f"Tune the inner command: mpiexec -n 2 {PYTHON} serial_run.py")


def test_a_script_that_starts_serial_processes(fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "starts_others.py", "serially")
    assert failure.message == "the command starts NEURON 2 times"
    assert failure.cure == f"Tune the inner command: {PYTHON} serial_run.py"


def test_a_model_whose_children_simulate_more_than_itself(fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "starts_others.py", "own", "too")
    assert failure.message == "NEURON simulates in 1 program that the model starts"
    assert failure.cure == f"Tune the inner command: {PYTHON} small_ring.py --tstop 100"


def test_a_shell_that_starts_what_simulates(fails: Callable[..., RunFailed]) -> None:
    failure = fails("timeout", "50", NRNIV, "hoc_serial.hoc")
    assert failure.message == "the command itself simulates nothing: NEURON runs in what it starts"
    assert failure.cure.endswith("nrniv hoc_serial.hoc")


def test_nrniv_that_runs_hoc_behind_another_program(fails: Callable[..., RunFailed]) -> None:
    failure = fails("nice", NRNIV, "hoc_serial.hoc")
    assert failure.message.startswith("nrniv ran behind another program, where the agent cannot get in")
    assert failure.cure.endswith("nrniv hoc_serial.hoc")


def test_a_process_that_ends_by_itself(fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "-c", CELL + STEP + "import os; os._exit(7)")
    assert failure.message.startswith("NEURON ended by itself (ended with exit code 7")


def test_a_process_that_ends_well_but_without_exit_handlers(fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "-c", CELL + STEP + "import os; os._exit(0)")
    assert failure.message.startswith("NEURON ended by itself (ended with exit code 0")
    assert "end it by sys.exit() or h.quit()" in failure.cure


def test_a_python_without_neuron(fails: Callable[..., RunFailed]) -> None:
    assert fails(PYTHON, "-c", "print(1)").message.endswith("its Python did not import NEURON")


def test_a_command_that_the_agent_does_not_reach(fails: Callable[..., RunFailed]) -> None:
    failure = fails("sh", "-c", f"unset PYTHONPATH; exec {PYTHON} serial_run.py")
    assert failure.message.endswith("before any rank reported")
    assert "PYTHONPATH" in failure.cure


def test_an_end_from_outside(fails: Callable[..., RunFailed]) -> None:
    ends = CELL + STEP + "import os; os.kill(os.getpid(), 15)"
    assert fails(PYTHON, "-c", ends).message == "ended by SIGTERM from outside"


def test_spikes_that_were_not_seen(fails: Callable[..., RunFailed]) -> None:
    assert fails(*TWO, PYTHON, "far_gids.py", "12345678").message.startswith("inside NEURON: ")


def test_serial_copies(fails: Callable[..., RunFailed]) -> None:
    failure = fails(*TWO, PYTHON, "serial_run.py")
    assert failure.message == "2 ranks were asked for, but NEURON ran 2 serial copies of the model (nhost is 1)"
    assert failure.failure == "no mpi"


def test_a_rank_that_is_lost(fails: Callable[..., RunFailed]) -> None:
    lost = CELL + SOURCE + STEP + "import os; os._exit(0) if pc.id() else None"
    assert fails(*TWO, PYTHON, "-c", lost).message == "1 of 2 ranks reported; missing: [1]"


def test_a_connection_without_delay_between_ranks(fails: Callable[..., RunFailed]) -> None:
    failure = fails(*TWO, PYTHON, "small_ring.py", "--delay", "0", end_grace_s=1)
    assert failure.message.startswith("a connection between ranks has no delay")


@pytest.mark.parametrize(
    ("program", "what"),
    [("", "ended without a finitialize"), ("h.finitialize(-65)", "took no step after finitialize")],
)
def test_nothing_that_is_simulated(program: str, what: str, fails: Callable[..., RunFailed]) -> None:
    failure = fails(PYTHON, "-c", CELL + program)
    assert failure.message == f"rank 0 {what}: nothing was simulated"
    assert "also starts the run" in failure.cure


def test_one_rank_that_takes_no_step(fails: Callable[..., RunFailed]) -> None:
    idle = CELL + SOURCE + "h.finitialize(-65); pc.id() or h.fadvance(); h.quit()"
    assert fails(*TWO, PYTHON, "-c", idle).message == "rank 1 took no step after finitialize: nothing was simulated"


def test_ranks_of_one_network_that_stop_at_different_times(fails: Callable[..., RunFailed]) -> None:
    apart = CELL + SOURCE + STEP + "pc.id() or h.fadvance(); h.quit()"
    assert fails(*TWO, PYTHON, "-c", apart).message == "the ranks stopped at different times: [0.025, 0.05] ms"


def test_hoc_that_complains_and_goes_on(fails: Callable[..., RunFailed], tmp_path: Path) -> None:
    (tmp_path / "model" / "m.hoc").write_text('load_file("stdrun.hoc")\ncreate s\nfinitialize(-65)\n{nosuch(1)}\n')
    failure = fails(NRNIV, "m.hoc", "-c", "print 1")
    assert "nosuch" in failure.message


def test_a_warning_after_which_hoc_goes_on_is_no_reason(fails: Callable[..., RunFailed], tmp_path: Path) -> None:
    (tmp_path / "model" / "m.hoc").write_text('load_file("stdrun.hoc")\nFARADAY = 96520\ncreate s\n')
    failure = fails(NRNIV, "m.hoc")
    assert failure.message == "rank 0 ended without a finitialize: nothing was simulated"
    assert "also starts the run" in failure.cure


def test_a_crash_that_hoc_survives_is_the_end_of_a_run(fails: Callable[..., RunFailed], tmp_path: Path) -> None:
    text = 'create s\nfinitialize(-65)\nfadvance()\n{nrnpython("import os; os.kill(os.getpid(), 11)")}\n'
    (tmp_path / "model" / "m.hoc").write_text(text)
    failure = fails(NRNIV, "m.hoc")
    assert failure.message.startswith("NEURON caught a crash of its own and went on (segmentation violation)")


def test_hoc_that_says_what_python_could_not_do(fails: Callable[..., RunFailed], tmp_path: Path) -> None:
    (tmp_path / "model" / "m.hoc").write_text('create s\nfinitialize(-65)\n{nrnpython("import no_such_module")}\n')
    failure = fails(NRNIV, "m.hoc")
    assert "NEURON complained: ModuleNotFoundError: No module named 'no_such_module'" in failure.message


def test_hoc_that_fails_after_python_did(fails: Callable[..., RunFailed], tmp_path: Path) -> None:
    (tmp_path / "model" / "m.hoc").write_text('{nrnpython("import no_such_module")}\nnosuch(1)\n')
    assert re.search("No module named 'no_such_module'; .*nosuch", fails(NRNIV, "m.hoc").message)


@pytest.mark.parametrize(
    ("panel", "action"),
    [
        ('xpanel("go")\nxbutton("Run it", "start_it(5)")\nxbutton("quit", "quit()")\nxpanel()', "start_it(5)"),
        ('load_file("nrngui.hoc")\nnrncontrolmenu()', "run()"),
    ],
)
def test_panels_with_buttons(panel: str, action: str, fails: Callable[..., RunFailed], tmp_path: Path) -> None:
    (tmp_path / "model" / "net.hoc").write_text("create s\nproc start_it() { finitialize(-65) fadvance() }\n")
    (tmp_path / "model" / "mosinit.hoc").write_text(f'load_file("net.hoc")\n{panel}\n')
    failure = fails(NRNIV, "mosinit.hoc", "-")
    assert failure.message.endswith("only panels were made")
    assert f"nrniv mosinit.hoc -c '{action}'" in failure.cure


def test_a_button_is_pressed_before_the_command_ends(fails: Callable[..., RunFailed], tmp_path: Path) -> None:
    (tmp_path / "model" / "mosinit.hoc").write_text('create s\nxpanel("go")\nxbutton("Run it", "go(5)")\nxpanel()\n')
    failure = fails(NRNIV, "mosinit.hoc", "-c", "quit()")
    assert "nrniv mosinit.hoc -c 'go(5)' -c 'quit()'" in failure.cure
