"""The first six knobs on two real ranks: the model's own script sees them in effect, and they are read back so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotune.launch.ask import Ask
from autotune.raster.metrics import identical
from autotune.settings import Changes

pytestmark = pytest.mark.mpi

# The user's model, which asks NEURON itself after its run.
ASKS = """
import json, runpy, sys
sys.argv = ["small_ring.py", "--quit", "fall-off"]
model = runpy.run_path({ring!r})
h, pc = model["h"], model["pc"]
cvode = h.CVode()
with open(f"seen-{{int(pc.id())}}.json", "w") as file:
    seen = dict(dt=h.dt, per_ms=h.steps_per_ms, nspike=int(pc.spike_compress(-1)), queue=int(cvode.queue_mode()))
    seen.update(cache_efficient=int(cvode.cache_efficient()), spikes=len(model["times"]))
    json.dump(seen, file)
pc.barrier()
h.quit()
"""
AS_IT_IS = {"dt": 0.025, "nspike": 0, "queue": 0, "per_ms": 40.0}
BIN, SELF = 1, 2


@pytest.fixture
def watch(fresh_runner, tmp_path):
    """`watch(settings)`: the run, and what the script saw on each rank."""
    ring = Path(__file__).parents[1] / "models" / "small_ring.py"
    (tmp_path / "asks.py").write_text(ASKS.format(ring=str(ring)))
    runner = fresh_runner(tmp_path / "asks.py")

    def run(settings: dict[str, Any] | None = None):
        done = runner.run(Ask(60.0, changes=Changes(settings or {})))
        return done, [json.loads((tmp_path / f"seen-{rank}.json").read_text()) for rank in (0, 1)]

    return run


def test_without_settings_nothing_is_changed(watch):
    _, seen = watch()
    for rank in seen:
        assert {name: rank[name] for name in AS_IT_IS} == AS_IT_IS


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"nspike": 3}, {"nspike": 3}),
        ({"nspike": 2, "gid_compress": True}, {"nspike": 2}),
        ({"bin_queue": True}, {"queue": BIN}),
        ({"self_queue": True}, {"queue": SELF}),
        (
            {"nspike": 1, "gid_compress": True, "bin_queue": True, "self_queue": True},
            {"nspike": 1, "queue": BIN | SELF},
        ),
    ],
)
def test_an_exact_knob_is_in_effect_on_every_rank_and_moves_no_spike(watch, ring, settings, expected):
    done, seen = watch(settings)
    for rank in seen:
        assert {name: rank[name] for name in AS_IT_IS} == {**AS_IT_IS, **expected}
    assert {name: done.effective[name] for name in settings} == settings
    assert identical(done.raster, ring.baseline)
    assert sum(rank["spikes"] for rank in seen) == len(ring.baseline)  # the script's own recording


def test_dt_is_in_effect_although_stdrun_would_restore_it(watch, ring):
    done, seen = watch({"dt": 0.05})
    for rank in seen:
        assert (rank["dt"], rank["per_ms"]) == (0.05, 20.0)
    assert done.effective["dt"] == 0.05
    assert not identical(done.raster, ring.baseline)


def test_cache_efficient_is_read_back_as_it_is(watch, ring):
    done, seen = watch({"cache_efficient": True})
    assert [rank["cache_efficient"] for rank in seen] == [1, 1]
    assert done.effective["cache_efficient"] is True
    assert identical(done.raster, ring.baseline)


def test_gid_compression_that_neuron_refuses_is_not_said_to_be_in_effect(fresh_runner):
    done = fresh_runner("many_gids.py").run(
        Ask(60.0, changes=Changes({"nspike": 2, "gid_compress": True}))
    )  # 300 output gids on the last rank
    assert done.effective["nspike"] == 2
    assert done.effective["gid_compress"] is False
