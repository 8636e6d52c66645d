"""Three runs in one process, each with its own finitialize, psolve and length; the current grows from run to run."""

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
somas, clamps, connections = {}, [], []
for gid in range(int(pc.id()), 4, int(pc.nhost())):
    soma = somas[gid] = h.Section(name=f"soma{gid}")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur = 1, 1e9
    clamps.append(clamp)
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(soma(0.5)._ref_v, None, sec=soma))
for gid, soma in somas.items():
    synapse = h.ExpSyn(soma(0.5))
    connection = pc.gid_connect((gid - 1) % 4, synapse)
    connection.weight[0], connection.delay = 0.001, 2
    connections.append((connection, synapse))
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
for amp, tstop in ((0.1, 20), (0.3, 40), (0.5, 60)):
    for clamp in clamps:
        clamp.amp = amp
    h.finitialize(-65)
    pc.psolve(tstop)
    spikes = int(pc.allreduce(len(times), 1))
    if pc.id() == 0:
        print(f"several_runs: {amp} nA, {spikes} spikes, t = {h.t:g} ms", flush=True)
pc.barrier()
h.quit()
