"""Cells whose variables are recorded; the names by which they are known are found in tests/matrix/test_recorded.py."""

from neuron import h

h.load_file("stdrun.hoc")


class Cell:
    def __init__(self):
        self.soma = h.Section(name="soma", cell=self)
        self.soma.insert("hh")


soma, cells = h.Section(name="soma"), [Cell(), Cell()]
soma.insert("hh")
soma.nseg = 3
synapse, artificial = h.ExpSyn(soma(0.5)), h.IntFire1()
places = [
    soma(0.5)._ref_v,
    soma(5 / 6)._ref_m_hh,
    soma(0.5)._ref_ina,
    synapse._ref_i,
    cells[1].soma(0.5)._ref_v,
    artificial._ref_m,
    soma(0.5).hh._ref_n,
]
vectors = [h.Vector().record(place) for place in places]
vectors[-1].label("gate")
h.finitialize(-65)
h.continuerun(1)
