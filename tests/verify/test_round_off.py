"""Round-off in a network that is chaotic down to the last bit: real runs whose sums are made in another order.

With a fixed step a spike is seen at the end of a step, and a difference of 1e-10 mV moves none; with CVODE nothing
holds the spikes to a grid. There a perturbed run and one that only adds in another order part after some 150 ms.
"""

from __future__ import annotations

import numpy as np
import pytest

from autotune.agent.knobs import EXACT, ROUND_OFF
from autotune.raster.metrics import first_divergence_ms, identical


@pytest.mark.slow
def test_a_perturbation_of_1e_10_mv_sends_the_network_another_way(bench) -> None:
    network = bench("variable step")
    assert network.calibration.regime == "chaotic"
    assert "a perturbation of 1e-10 mV sends your network another way" in network.calibration.why
    assert first_divergence_ms(network.baseline, network.references.perturbed[0]) < 10  # by 1e-9 ms


REVERSED = (
    "for gid in range(int(pc.id()), args.cells, int(pc.nhost())):",
    "for gid in reversed(range(int(pc.id()), args.cells, int(pc.nhost()))):",
)


@pytest.mark.ci
def test_sums_in_another_order_are_accepted_though_the_spikes_part_at_last(bench) -> None:
    network = bench("variable step")
    raster = network.other(change=REVERSED)  # the same cells, made from the last to the first
    judgement = network.acceptance.spikes.judge(raster, ROUND_OFF)
    assert judgement.verdict == "accepted", judgement
    assert not identical(raster, network.baseline)
    assert judgement.distance > 0.01
    assert network.acceptance.spikes.judge(raster, EXACT).verdict == "diverged"


@pytest.mark.slow
def test_so_are_two_threads(bench) -> None:
    network = bench("variable step")
    run = network.run(threads=2)
    assert run.effective["threads"] == 2
    assert not identical(run.raster, network.baseline)
    judgement = network.acceptance.judge(run, ROUND_OFF)
    assert judgement.verdict == "accepted", judgement


@pytest.mark.parametrize("change", [("--seed", "2"), ("--excitation", "0.00401")], ids=" ".join)
def test_another_network_is_refused_however_near_it_is(bench, change) -> None:
    network = bench("variable step")
    judgement = network.acceptance.spikes.judge(network.other(*change), ROUND_OFF)
    assert judgement.verdict == "diverged"
    assert "leaves the baseline earlier than a perturbation of 1e-10 mV does" in judgement.reason


def test_what_happens_after_the_parting_must_be_inside_the_null_band(bench) -> None:
    network = bench("variable step")
    silent = network.other(change=REVERSED).window(-np.inf, 160.0)
    judgement = network.acceptance.spikes.judge(silent, ROUND_OFF)
    assert "runs of the same model lie between" in judgement.reason
