"""One cell that spends its run asleep (or busy), and less so with the bin queue: a planted gain of a known size."""

import argparse
import time

from neuron import h

parser = argparse.ArgumentParser()
parser.add_argument("--tstop", type=float, default=50.0)
parser.add_argument("--naps", type=int, default=10)
parser.add_argument("--nap-ms", type=float, default=10.0)
parser.add_argument("--saved", type=float, default=0.3, help="share of a nap that the bin queue saves")
parser.add_argument("--busy", action="store_true", help="work instead of sleeping")
arguments = parser.parse_args()

h.load_file("stdrun.hoc")
pc = h.ParallelContext()
cvode = h.CVode()
soma = h.Section(name="soma")
soma.L = soma.diam = 20
soma.insert("hh")
pacemaker = h.IClamp(soma(0.5))
pacemaker.dur, pacemaker.amp = 1e9, 0.3
pc.set_gid2node(0, pc.id())
pc.cell(0, h.NetCon(soma(0.5)._ref_v, None, sec=soma))


def nap() -> None:
    awake = arguments.saved if int(cvode.queue_mode()) & 1 else 0.0
    nap_ms = arguments.nap_ms * (1.0 - awake)
    if arguments.busy:
        sum(range(int(5e4 * nap_ms)))
    else:
        time.sleep(nap_ms / 1e3)


def schedule() -> None:
    for number in range(1, arguments.naps + 1):
        cvode.event(arguments.tstop * number / (arguments.naps + 1), nap)


handler = h.FInitializeHandler(1, schedule)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(arguments.tstop)
h.quit()
