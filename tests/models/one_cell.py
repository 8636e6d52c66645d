"""One cell with an active or a passive soma and noisy synapses, whose results are voltages.

Arguments: what counts its spikes (`nothing`, `apcount`), what is recorded (`every-step`, `interval`, `times`,
`nothing`), and `--passive`, `--cvode`, `--tstop`, `--rest` (each synapse is active once). All is done in a function
that ends before the process does, and what was recorded is printed.
"""

import argparse

from neuron import h

h.load_file("stdrun.hoc")
parser = argparse.ArgumentParser()
parser.add_argument("counted", choices=["nothing", "apcount"])
parser.add_argument("recorded", choices=["every-step", "interval", "times", "nothing"])
parser.add_argument("--passive", action="store_true")
parser.add_argument("--cvode", action="store_true")
parser.add_argument("--rest", action="store_true")
parser.add_argument("--tstop", type=float, default=150)
arguments = parser.parse_args()


def build():
    soma, dendrite = h.Section(name="soma"), h.Section(name="dendrite")
    soma.L = soma.diam = 20
    dendrite.L, dendrite.diam, dendrite.nseg = 300, 2, 11
    dendrite.connect(soma)
    soma.insert("pas" if arguments.passive else "hh")
    dendrite.insert("pas")
    for segment in [*dendrite, *(soma if arguments.passive else ())]:
        segment.pas.g, segment.pas.e = 1e-4, -65
    kept = []
    for number in range(20):
        synapse, stimulus = h.Exp2Syn(dendrite((number % 11 + 0.5) / 11)), h.NetStim()
        synapse.tau1, synapse.tau2 = 0.5, 3
        stimulus.interval, stimulus.noise, stimulus.number = 20, 1, 1 if arguments.rest else 1e9
        stimulus.noiseFromRandom123(number, 0, 0)
        connection = h.NetCon(stimulus, synapse)
        connection.delay, connection.weight[0] = 1, 3e-4
        kept += [synapse, stimulus, connection]
    return soma, dendrite, kept


def main():
    cell = build()
    soma = cell[0]
    count = h.APCount(soma(0.5)) if arguments.counted == "apcount" else None
    vector, times = h.Vector(), h.Vector([7.3 * number for number in range(1, 20)])
    place = soma(0.5)._ref_v
    if arguments.recorded == "every-step":
        vector.record(place)
    elif arguments.recorded == "interval":
        vector.record(place, 0.5)
    elif arguments.recorded == "times":
        vector.record(place, times)
    if arguments.cvode:
        h.CVode().active(1)
    h.tstop = arguments.tstop
    h.run()
    print(
        "recorded",
        int(vector.size()),
        float(vector.sum()) if vector.size() else 0.0,
        "spikes",
        int(count.n) if count else "",
    )


main()
