"""What the tests of clusters share: a real Slurm of virtual nodes on this machine, for as long as a test session lasts.

slurmctld and one slurmd a node, as root, on 127.0.0.1 and free ports, without munge; jobs are ordinary processes here.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

NODES, CPUS = 3, 2
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "srun")
UP_S = 30.0

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort={ports[0]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
StateSaveLocation={folder}/state
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/%n.spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
"""
NODE = "NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=1000\n"


@dataclass(frozen=True)
class Slurm:
    """A Slurm that runs."""

    environment: dict[str, str]
    """What its commands need."""

    def ask(self, *words: str | Path) -> str:
        """What one of its commands prints."""
        answer = subprocess.run(
            [*map(str, words)], env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=60
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def queue(self) -> list[str]:
        return self.ask("squeue", "--noheader", "--array", "--format=%i %T").splitlines()


def _missing() -> str:
    lacking = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
    if lacking:
        return f"no Slurm on this machine ({', '.join(lacking)}): apt-get install slurm-wlm"
    return "" if os.geteuid() == 0 else "a Slurm of its own is started by root only"


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in taken]


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A real Slurm of three nodes with two CPUs each; its daemons are ended by their process ids."""
    if missing := _missing():
        pytest.skip(missing)
    folder, host = tmp_path_factory.mktemp("slurm"), socket.gethostname().partition(".")[0]
    for name in ("state", *(f"n{number}.spool" for number in range(1, NODES + 1))):
        (folder / name).mkdir()
    ports = _free_ports(1 + NODES)
    nodes = "".join(NODE.format(number=k, host=host, port=ports[k], cpus=CPUS) for k in range(1, NODES + 1))
    (folder / "slurm.conf").write_text(nodes + CONFIGURATION.format(folder=folder, host=host, ports=ports))
    running = Slurm({"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()})
    try:
        try:
            running.ask("slurmctld")
            for number in range(1, NODES + 1):
                running.ask("slurmd", "-N", f"n{number}")
        except AssertionError as refused:
            pytest.skip(f"Slurm does not start here: {refused}")
        _wait_for_nodes(running, folder)
        yield running
    finally:
        _end(running, folder)


def _wait_for_nodes(running: Slurm, folder: Path) -> None:
    until = time.monotonic() + UP_S
    while running.ask("sinfo", "--noheader", "--states=idle", "--format=%D").strip() != str(NODES):
        if time.monotonic() > until:
            pytest.skip("Slurm does not start here: " + (folder / "slurmctld.log").read_text()[-1000:])
        time.sleep(0.1)


def _end(running: Slurm, folder: Path) -> None:
    with suppress(AssertionError):
        running.ask("scancel", "--user", "root")
        until = time.monotonic() + UP_S
        while running.queue() and time.monotonic() < until:
            time.sleep(0.1)
    daemons = []
    for file in folder.glob("*.pid"):
        with suppress(ValueError, psutil.NoSuchProcess):
            daemons.append(psutil.Process(int(file.read_text())))
    for daemon in daemons:
        with suppress(psutil.NoSuchProcess):
            daemon.send_signal(signal.SIGTERM)
    for daemon in psutil.wait_procs(daemons, timeout=15)[1]:
        daemon.kill()
