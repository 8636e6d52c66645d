"""Four cells under a random background. At each start the model asks the test, at the port that its argument names, for
the seed of this start; told `hang`, it never comes to its end.
"""

import socket
import sys
import time

from neuron import h

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as test:
    told = test.makefile().readline().strip()
h.load_file("stdrun.hoc")
pc = h.ParallelContext()
kept, cells = [], []
for gid in range(4):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    pc.set_gid2node(gid, 0)
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
    stimulus = h.NetStim()
    stimulus.interval, stimulus.number, stimulus.start, stimulus.noise = 15, 1e9, 0, 1
    stimulus.noiseFromRandom123(gid, 1, 1 if told == "hang" else int(told))
    drive = h.NetCon(stimulus, synapse)
    drive.weight[0] = 0.02
    kept += [soma, synapse, stimulus, drive]
pc.set_maxstep(10)
h.stdinit()
pc.psolve(3000)
while told == "hang":
    time.sleep(1)
h.quit()
