"""Four cells in a ring with parts that begin anew at every finitialize.

--played: a current that follows a Vector; --gaps: gap junctions; --variable: CVODE; --noise: random currents of NMODL;
--stale: their streams are given ids but no position, so that NEURON 9 draws the first four numbers with the old ids.
"""

import argparse

from neuron import h

parser = argparse.ArgumentParser()
for option in ("--played", "--gaps", "--variable", "--noise", "--stale"):
    parser.add_argument(option, action="store_true")
args = parser.parse_args()

h.nrnmpi_init()
pc = h.ParallelContext()
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
for gid, (soma, synapse) in cells.items():
    connection = pc.gid_connect((gid - 1) % 4, synapse)
    connection.weight[0], connection.delay = 0.02, 4
    clamp = h.IClamp(soma(0.5))
    clamp.dur = 1e9
    kept += [connection, clamp]
    if args.played:
        when, amp = h.Vector([0, 5 + gid, 20, 40]), h.Vector([0, 0.2, 0.05, 0.3])
        amp.play(clamp._ref_amp, when, True)
        kept += [when, amp]
    else:
        clamp.delay, clamp.amp = 1 + gid, 0.15
    if args.gaps:
        gap = h.HalfGap(soma(0.5))
        pc.source_var(soma(0.5)._ref_v, gid, sec=soma)
        pc.target_var(gap, gap._ref_vgap, (gid + 1) % 4)
        kept.append(gap)
    if args.noise:
        noise = h.Noise(soma(0.5))
        noise.stream.set_ids(1, 2, gid)
        if not args.stale:
            noise.stream.set_seq(0)
        kept.append(noise)
if args.gaps:
    pc.setup_transfer()
if args.variable:
    cvode = h.CVode()
    cvode.active(True)
pc.set_maxstep(10)
h.finitialize(-65)
pc.psolve(40)
pc.barrier()
h.quit()
