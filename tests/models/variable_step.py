"""A ring of four cells integrated by CVODE. `late`: it sets its tolerance after finitialize."""

import sys

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
cvode = h.CVode()
cvode.active(1)
cells, kept = {}, []
for gid in range(int(pc.id()), 4, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    cells[gid] = (soma, synapse)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in cells.items():
    connection = pc.gid_connect((gid - 1) % 4, synapse)
    connection.weight[0], connection.delay = 0.02, 4
    kept.append(connection)
    if gid == 0:
        stimulus = h.NetStim()
        stimulus.number, stimulus.start = 1, 1
        kick = h.NetCon(stimulus, synapse)
        kick.weight[0] = 0.02
        kept += [stimulus, kick]
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.stdinit()
if "late" in sys.argv:
    cvode.atol(1e-5)
pc.psolve(60)
spikes = int(pc.allreduce(len(times), 1))
if pc.id() == 0:
    print(f"variable_step: {spikes} spikes, t = {h.t:g} ms", flush=True)
pc.barrier()
h.quit()
