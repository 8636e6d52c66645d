"""Imports NEURON, simulates nothing by itself, and starts what does, in the way that the command line names."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

from neuron import h

CLEAN = ("PATH", "HOME", "MPI_LIB_NRN_PATH", "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_btl")
RANKS = ["mpiexec", "-n", "2", sys.executable, "small_ring.py", "--tstop", "20"]


def simulate(amplitude: float) -> int:
    soma = h.Section(name="soma")
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 20, amplitude
    h.finitialize(-65)
    while h.t < 20:
        h.fadvance()
    return int(clamp.amp > 0)


def main(way: str) -> None:
    if way in ("once", "twice", "clean"):
        environment = {name: os.environ[name] for name in CLEAN if name in os.environ} if way == "clean" else None
        for _ in range(2 if way == "twice" else 1):
            subprocess.run(RANKS, env=environment, check=False)
    elif way == "also":
        subprocess.run(RANKS, check=False)
        h.finitialize(-65)
    elif way == "serially":
        for _ in range(2):
            subprocess.run([sys.executable, "serial_run.py"], check=True)
    elif way == "copies":
        subprocess.run([*RANKS[:4], "serial_run.py"], check=False)
    elif way == "ended early":
        ranks = subprocess.Popen([*RANKS[:4], "lingers.py"])
        while not os.path.exists("ready"):
            time.sleep(0.05)
        os.remove("ready")
        ranks.send_signal(signal.SIGKILL)
        ranks.wait()
    elif way == "own too":
        simulate(0.5)
        subprocess.run([sys.executable, "small_ring.py", "--tstop", "100"], check=True)
    else:
        with multiprocessing.get_context(way).Pool(2, maxtasksperchild=1) as pool:
            print(pool.map(simulate, [0.1, 0.2]))


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
