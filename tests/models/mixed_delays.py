"""Eight cells that project to each other with delays of 8 to 11 ms: the smallest is 320 steps of 0.025 ms."""

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
count = 8
cells, kept = {}, []
for gid in range(int(pc.id()), count, int(pc.nhost())):
    soma = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    cells[gid] = (soma, synapse)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, (_, synapse) in cells.items():
    for step in (1, 3):
        connection = pc.gid_connect((gid - step) % count, synapse)
        connection.weight[0], connection.delay = 0.02, 7 + step
        kept.append(connection)
    if gid == 0:
        stimulus = h.NetStim()
        stimulus.number, stimulus.start = 1, 1
        kick = h.NetCon(stimulus, synapse)
        kick.weight[0] = 0.02
        kept += [stimulus, kick]
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(20)
h.stdinit()
pc.psolve(100)
spikes = int(pc.allreduce(len(times), 1))
if pc.id() == 0:
    print(f"mixed_delays: {spikes} spikes, t = {h.t:g} ms", flush=True)
pc.barrier()
h.quit()
