"""What the trials of a study say of ranks, threads and nodes, without any run."""

from __future__ import annotations

from typing import Any

import pytest

from autotune.search.places import Place, places
from autotune.store.records import Sample, Trial

BIG, SMALL = "a big one, 64 cores", "a small one, 8 cores"
NODES = {"7_1": BIG, "7_2": BIG, "7_3": SMALL}


def trial(number: int, ratio: float | None, worker: str = "7_1", **changes: Any) -> Trial:
    own_s = 10.0 if NODES.get(worker) == BIG else 40.0
    samples = (Sample(own_s, own_s * (ratio or 1.0), own_s),)
    return Trial(number, {}, "accepted", changes=changes, ratio=ratio, samples=samples, worker=worker)


def found(*trials: Trial) -> dict[str, Place]:
    return {place.node_type: place for place in places(trials, NODES, (2, 1))}


def test_speedup_and_efficiency_are_against_the_fewest_cores() -> None:
    made = [trial(0, 1.0), trial(1, 1.8, ranks=1), trial(2, 0.6, ranks=4), trial(3, 0.75, threads=2)]
    scaling = found(*made)[BIG].scaling
    assert scaling is not None
    assert scaling.beside == {}
    assert [(p.ranks, p.threads, p.trial) for p in scaling.points] == [(1, 1, 1), (2, 1, 0), (2, 2, 3), (4, 1, 2)]
    assert [p.seconds for p in scaling.points] == pytest.approx([18, 10, 7.5, 6])
    assert [p.speedup for p in scaling.points] == pytest.approx([1, 1.8, 2.4, 3])
    assert [p.efficiency for p in scaling.points] == pytest.approx([1, 0.9, 0.6, 0.75])


def test_only_trials_with_the_same_other_settings_are_compared_and_the_fastest_of_each_size_is_named() -> None:
    made = [trial(0, 1.0), trial(1, 0.5, nspike=4), trial(2, 0.3, ranks=4, nspike=4), trial(3, 0.2, ranks=8, dt=0.05)]
    scaling = found(*made)[BIG].scaling
    assert scaling is not None
    assert scaling.beside == {"nspike": 4}
    assert [(p.ranks, p.trial, p.fastest) for p in scaling.points] == [(2, 1, 1), (4, 2, 2)]
    slower = [*made, trial(4, 0.7, ranks=4), trial(5, 0.6, ranks=8)]
    own = found(*slower)[BIG].scaling
    assert own is not None
    assert own.beside == {}  # three sizes of it
    assert [(p.trial, p.fastest, p.fastest_ratio) for p in own.points] == [(0, 1, 0.5), (4, 2, 0.3), (5, 3, 0.2)]


def test_unlike_nodes_do_not_mix() -> None:
    made = [trial(0, 1.0), trial(1, 0.5, "7_2", ranks=4), trial(2, 0.9, "7_3", ranks=4), trial(3, 1.0, "7_3")]
    both = found(*made)
    assert list(both) == [BIG, SMALL]
    assert (both[BIG].workers, both[BIG].trials, both[BIG].best, both[BIG].own_s) == (2, 2, 1, 10.0)
    assert (both[SMALL].workers, both[SMALL].trials, both[SMALL].best, both[SMALL].own_s) == (1, 2, 2, 40.0)
    for place, speedup in ((BIG, 2.0), (SMALL, 1 / 0.9)):
        scaling = both[place].scaling
        assert scaling is not None
        assert scaling.points[-1].speedup == pytest.approx(speedup)


@pytest.mark.parametrize(
    "other",
    [
        trial(1, None, ranks=4),
        Trial(1, {}, "diverged", changes={"ranks": 4}, ratio=0.5, worker="7_1"),
        Trial(1, {}, "accepted", changes={"ranks": 4}, ratio=0.5, worker="7_1", answered_from=0),
        trial(1, 0.5, dt=0.05),
    ],
    ids=["without a time", "of another result", "not made", "of the same size"],
)
def test_there_is_no_table_where_one_size_only_was_timed(other: Trial) -> None:
    assert found(trial(0, 1.0), other)[BIG].scaling is None
