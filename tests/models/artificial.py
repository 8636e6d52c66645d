"""Forty artificial cells (IntFire2, which fires at any time, not only at steps) with delays off the grid."""

from neuron import h

h.load_file("stdrun.hoc")
h.nrnmpi_init()
pc = h.ParallelContext()
count = 40
cells, kept = {}, []
for gid in range(int(pc.id()), count, int(pc.nhost())):
    cell = cells[gid] = h.IntFire2()
    cell.taum, cell.taus, cell.ib = 10, 20, 0
    pc.set_gid2node(gid, pc.id())
    pc.cell(gid, h.NetCon(cell, None))
for gid, cell in cells.items():
    stimulus = h.NetStim()
    stimulus.interval, stimulus.number, stimulus.start, stimulus.noise = 3, 1e9, 0, 1
    stimulus.noiseFromRandom123(gid, 1, 1)
    drive = h.NetCon(stimulus, cell)
    drive.weight[0], drive.delay = 0.3, 1
    kept += [stimulus, drive]
    for step in (1, 7, 12):
        connection = pc.gid_connect((gid - step) % count, cell)
        connection.weight[0], connection.delay = 0.02, 1.003 + step / 7
        kept.append(connection)
times, gids = h.Vector(), h.Vector()
pc.spike_record(-1, times, gids)
pc.set_maxstep(10)
h.stdinit()
pc.psolve(200)
spikes = int(pc.allreduce(len(times), 1))
if pc.id() == 0:
    print(f"artificial: {spikes} spikes, t = {h.t:g} ms", flush=True)
pc.barrier()
h.quit()
