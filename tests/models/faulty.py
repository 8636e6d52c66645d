"""A ring of eight cells that fails when and how it is told to: `FAULT` in the environment, as `hang` or `hang@trial`.

In which step of a study it runs it reads in the study's records, as no real model would.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from neuron import h

AFTER_CALIBRATION = (("noise.json", "A/A"), ("search.json", "a trial"), ("confirmation.json", "the confirmation"))
"""The record that ends each step, and the step."""


def step():
    """The step of the study in which this process runs; empty where there is none."""
    if "AUTOTUNE_JOB" not in os.environ:
        return ""
    job = json.loads(Path(os.environ["AUTOTUNE_JOB"]).read_text())
    if "at" in job:
        return "a session"
    if job["observe"]:
        return "the watched run"
    study = Path(job["folder"]).parents[1]
    if not (study / "calibration.json").exists():
        return "calibration" if job["perturb_mv"] or job["settings"] else "the repetition"
    return next((name for record, name in AFTER_CALIBRATION if not (study / record).exists()), "")


def own_settings():
    return "AUTOTUNE_JOB" not in os.environ or not json.loads(Path(os.environ["AUTOTUNE_JOB"]).read_text())["settings"]


def hang():
    while True:
        time.sleep(0.2)


def forks():
    if os.fork() == 0:
        os.closerange(0, 3)
        time.sleep(1000)
        os._exit(0)


def out_of_memory():
    import resource

    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + (1 << 28), own + (1 << 28)))
    blocks = []
    while True:
        blocks.append(bytearray(1 << 26))


def prints_a_gigabyte():
    line = b"a line of the model that says nothing at all, again and again, as logs do\n" * (1 << 14)
    for _ in range((1 << 30) // len(line) + 1):
        os.write(int(os.environ.get("FAULT_TO", "1")), line)


def waits_for_a_window():
    from neuron import gui  # noqa: F401

    h.doNotify()
    while True:
        h.doNotify()
        time.sleep(0.05)


def needs_a_terminal():
    import termios

    termios.tcgetattr(0)


def changes_its_folder():
    Path("elsewhere").mkdir(exist_ok=True)
    os.chdir("elsewhere")
    Path("result.txt").write_text("a result\n")


def does_nothing_again():
    if Path("result.txt").exists():
        print("the result is there already")
        sys.exit(0)
    Path("result.txt").write_text("a result\n")


FAULTS = {
    "hang": hang,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "abort": os.abort,
    "out of memory": out_of_memory,
    "prints": prints_a_gigabyte,
    "forks": forks,
    "reads stdin": input,
    "reads all of stdin": lambda: print(len(sys.stdin.read())),
    "window": waits_for_a_window,
    "key": lambda: os.read(os.open("/dev/tty", os.O_RDONLY), 1),
    "terminal": needs_a_terminal,
    "folder": changes_its_folder,
    "nothing again": does_nothing_again,
}

IN_THE_SCRIPT = ("reads stdin", "reads all of stdin", "window", "key", "terminal", "folder", "nothing again")
"""The others strike while the network is integrated."""

fault, _, where = os.environ.get("FAULT", "").partition("@")
here = bool(fault) and where in ("", step())
h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
last = int(pc.nhost()) - 1
if os.environ.get("FAULT_RANK", "0") != str(int(pc.id())):
    here = False
if os.environ.get("FAULT_OF") == "settings" and own_settings():
    here = False

cells, connections = {}, []
for gid in range(int(pc.id()), 8, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    cells[gid] = (soma, synapse)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in cells.items():
    connection = pc.gid_connect((gid - 1) % 8, synapse)
    connection.weight[0], connection.delay = 0.02, 2
    connections.append(connection)
if 0 in cells:
    stimulus = h.NetStim()
    stimulus.number, stimulus.start = 1, 1
    kick = h.NetCon(stimulus, cells[0][1])
    kick.weight[0], kick.delay = 0.02, 1
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)


def strike():
    if fault == "NaN":
        cells[min(cells)][0](0.5).v = float("nan")
    else:
        FAULTS[fault]()


if here and fault in IN_THE_SCRIPT:
    FAULTS[fault]()
elif here:
    handler = h.FInitializeHandler(1, lambda: h.cvode.event(0.5, strike))
h.stdinit()
pc.psolve(100)
pc.barrier()
print("faulty:", int(pc.allreduce(len(times), 1)), "spikes", flush=True)
h.quit()
