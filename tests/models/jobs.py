"""A few cells with a clamp each, simulated as jobs: on the bulletin board, in subworlds of so many ranks, or dealt out.

python jobs.py [board | hoc | worlds N | dealt | idle | context]
"""

import sys

from neuron import h

h.nrnmpi_init()
h.load_file("stdrun.hoc")
pc = h.ParallelContext()
way = sys.argv[1] if len(sys.argv) > 1 else "board"
if way == "worlds":
    pc.subworlds(int(sys.argv[2]))
AMPLITUDES = [0.1 + 0.05 * number for number in range(1 if way == "idle" else 5)]


def job(amplitude):
    """The number of spikes of one cell, or of a ring over the ranks of a subworld."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 1e9, amplitude
    times = h.Vector()
    source = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
    if way != "worlds":
        source.record(times)
        h.tstop = 40 + 20 * amplitude
        h.run()
        return len(times)
    rank, ranks = int(pc.id()), int(pc.nhost())
    pc.set_gid2node(rank, rank)
    pc.cell(rank, source)
    synapse = h.ExpSyn(soma(0.5))
    connection = pc.gid_connect((rank + 1) % ranks, synapse)
    connection.delay, connection.weight[0] = 2, 0.01
    pc.spike_record(rank, times, h.Vector())
    pc.set_maxstep(10)
    h.stdinit()
    pc.psolve(40)
    pc.gid_clear()
    return len(times)


def statement(number):
    print(f"job {int(number)}: {job(AMPLITUDES[int(number)])} spikes", flush=True)


if way == "dealt":
    for number in range(int(pc.id()), len(AMPLITUDES), int(pc.nhost())):
        statement(number)
    pc.barrier()
else:
    pc.runworker()
    if way == "context":  # every rank does it
        pc.context(job, 0.3)
        job(0.3)
    for number, amplitude in enumerate(AMPLITUDES):
        if way == "hoc":
            pc.submit(f'nrnpython("statement({number})")')
        else:
            pc.submit(job, amplitude)
    while pc.working():
        if way != "hoc":
            print(f"{int(pc.pyret())} spikes", flush=True)
pc.done()
h.quit()
