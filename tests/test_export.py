"""best.json: a published schema, all that the answer rests on, and written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autotune.best import SCHEMA_FILE, Best, schema, write_best
from autotune.errors import UsageError
from autotune.export import make_best
from autotune.handover.told import describe_bill
from autotune.measure import Rule, Started, confirm
from autotune.store.folder import StudyFolder, open_finished

SCHEMA = Path(__file__).parents[1] / "docs" / "reference" / "best.schema.json"


@pytest.fixture
def best(recipe_study) -> Best:
    return make_best(*open_finished(recipe_study.out))


def spent(folder: StudyFolder, **seconds: float) -> None:
    (folder.path / "spent.json").write_text(json.dumps(seconds))


def test_the_published_schema_is_that_of_the_code():
    """If a field has changed on purpose: make reference, and a new schema_version if a reader would have to change."""
    assert json.loads(SCHEMA.read_text()) == json.loads(SCHEMA_FILE.read_text()) == schema()


def test_it_says_what_was_tuned_where_and_when(best, recipe_study):
    assert best.schema_version == 1
    assert best.study == "ring"
    assert best.model.command[:3] == ("mpiexec", "-n", "2")
    assert best.model.files["small_ring.py"] == recipe_study.before["small_ring.py"]
    assert best.environment.ranks == 2
    assert best.environment.neuron.startswith("NEURON -- VERSION")
    assert best.environment.mpi.startswith("Open MPI") or best.environment.mpi
    assert best.environment.cpu
    assert best.created.endswith("+00:00")


def test_it_says_what_the_answer_rests_on(best, recipe_study):
    trials = recipe_study.trials()
    assert best.evidence.trials == len(trials)
    assert sum(best.evidence.verdicts.values()) == len(trials)
    assert set(best.settings) == set(best.baseline_settings) == {name for trial in trials for name in trial["params"]}
    if best.verdict == "no improvement":
        assert best.settings == best.baseline_settings
        assert (best.speedup.estimate, best.evidence.trial) == (1.0, None)
    else:
        assert best.settings != best.baseline_settings
        assert best.speedup.low > 1.0


def test_the_bill_says_what_the_study_cost_and_after_how_many_runs_it_has_paid_for_itself(recipe_study, copy_of):
    folder, study = open_finished(copy_of(recipe_study).out)
    faster = next(str(trial.number) for trial in folder.trials() if trial.accepted and trial.changes)
    folder.write(confirm({faster: lambda start, order: Started(((10.0, 8.0),))}, Rule()))
    spent(folder, search=60.0, confirm=41.0)
    bill = make_best(folder, study).bill
    assert (bill.tuning_s, bill.saved_s_per_run, bill.runs_to_pay) == (101.0, pytest.approx(2.0), 51)
    assert describe_bill(bill) == "tuning took 1 min 41 s; a run saves 2 s, so it has paid for itself after 51 runs"


def test_without_an_improvement_the_bill_is_the_cost_alone(recipe_study, copy_of):
    folder, study = open_finished(copy_of(recipe_study).out)
    folder.write(confirm({}, Rule()))
    spent(folder, search=60.0)
    assert describe_bill(make_best(folder, study).bill) == "tuning took 1 min 0 s"


def test_it_is_written_whole_or_not_at_all(best, tmp_path):
    file = tmp_path / "best.json"
    write_best(best, file)
    assert json.loads(file.read_text()) == json.loads(best.model_dump_json())
    with pytest.raises(UsageError, match="cannot be written"):
        write_best(best, tmp_path / "nosuch" / "best.json")
    assert [path.name for path in tmp_path.iterdir()] == ["best.json"]
