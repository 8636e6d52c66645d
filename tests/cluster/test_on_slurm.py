"""A study on a real Slurm: its workers die in two ways, and its answer is that of a study on one machine."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from optuna.trial import TrialState

from autotune.search.sampler import make_sampler
from autotune.store.opening import open_storage
from autotune.store.optuna import open_study

pytestmark = [pytest.mark.mpi, pytest.mark.ci, pytest.mark.timeout(600)]

KNOBS = ["nspike", "gid_compress", "self_queue", "dt"]
# More than any search here tries, so that its number of trials alone ends it.
MANY = {"dt": [round(0.02 + 0.0005 * step, 4) for step in range(60)]}
WITHIN_S = 240.0


class Cluster:
    """A submitted study, as its user sees it."""

    def __init__(self, tuner: Any, slurm: Any, study: Path, out: Path) -> None:
        self.tuner, self.slurm, self.study, self.out = tuner, slurm, study, out

    def __call__(self, *words: str | Path) -> str:
        answer = self.tuner(*words, cwd=self.study.parent, env=self.slurm.environment)
        assert answer.code == 0, str(answer)
        return str(answer.stdout)

    def submit(self, workers: int, *options: str) -> None:
        self("submit", self.study, "--workers", str(workers), "--time", "30min", *options, "--out", self.out)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("status", "--json", self.out))
        return found

    def workers(self) -> dict[str, dict[str, Any]]:
        records = (json.loads(file.read_text()) for file in self.out.glob("cluster/workers/*.json"))
        return {record["name"]: record for record in records}

    def claims(self) -> dict[str, int]:
        """The trial that each worker makes."""
        found = {}
        for file in self.out.glob("cluster/claims/[0-9]*.json"):
            with suppress(FileNotFoundError):
                claim = json.loads(file.read_text())
                if claim["running"]:
                    found[claim["worker"]] = claim["number"]
        return found

    def record(self, name: str) -> dict[str, Any]:
        file = self.out / f"{name}.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def trials(self) -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in sorted(self.out.glob("trials/*.json"))]

    def caught(self, spared: set[str]) -> tuple[str, int] | None:
        """A worker that was stopped in the middle of a trial, and the trial; none if no other than the spared makes
        one."""
        for name, number in self.claims().items():
            if name in spared or number == 0:
                continue
            worker = psutil.Process(self.workers()[name]["pid"])
            worker.suspend()
            if self.claims().get(name) == number and not (self.out / f"trials/{number:04d}.json").exists():
                return name, number
            worker.resume()
        return None


@pytest.fixture
def cluster(autotune: Any, slurm: Any, make_study: Any, tmp_path: Path) -> Any:
    def make(*command: str, **search: Any) -> Cluster:
        tables = {"search": {"knobs": KNOBS, **search}, "search.values": MANY}
        study = make_study(tmp_path / "a ring" / "it's mine", *command, **tables)
        return Cluster(autotune, slurm, study, tmp_path / "an out")

    return make


@pytest.mark.parametrize("trials", [9, pytest.param(40, marks=pytest.mark.slow)])
def test_workers_die_and_no_trial_is_lost_or_made_twice(cluster: Any, wait: Any, tmp_path: Path, trials: int) -> None:
    study = cluster(trials=trials)
    study.submit(3)
    caught: list[tuple[str, int]] = []

    def catch() -> bool:
        found = study.caught({name for name, _ in caught})
        caught.extend([found] if found else [])
        return bool(found)

    assert wait(catch, WITHIN_S)
    (killed, first), workers = caught[0], study.workers()
    os.kill(workers[killed]["pid"], signal.SIGKILL)
    assert wait(catch, WITHIN_S)
    cancelled, second = caught[1]
    study.slurm.ask("scancel", study.workers()[cancelled]["job"])
    study.submit(1)  # beside the one that is left
    assert wait((study.out / "confirmation.json").exists, WITHIN_S)
    assert wait(lambda: not study.slurm.queue(), WITHIN_S)

    made = study.trials()
    simplified = study.record("simplified")
    assert study.record("search")["trials"] == trials
    assert len(made) == trials + bool(simplified and simplified["simple"] != simplified["trial"])
    run = [json.dumps(trial["params"], sort_keys=True) for trial in made if trial["answered_from"] is None]
    assert Counter(run).most_common(1)[0][1] == 1
    stored = open_study(open_storage(study.out), study.record("study")["name"], 0, make_sampler).get_trials()
    failed = {each.number for each in stored if each.state == TrialState.FAIL}
    assert failed >= {first, second}  # and what waited for a trial like it
    assert not failed & {trial["number"] for trial in made}
    for lost in failed:
        asked = stored[lost].system_attrs.get("fixed_params") or stored[lost].params
        assert any(trial["params"].items() <= asked.items() for trial in made), asked
    assert len({trial["worker"] for trial in made}) >= 2
    status = study.status()
    assert (status["stopped"], status["waiting_for"], status["trials"]["running"]) == (
        f"all {trials} trials were made",
        "",
        [],
    )
    assert not list(study.out.glob("scratch/*/*"))
    assert study.tuner.all_gone()

    alone = made_alone(study, tmp_path / "alone", [trial["params"] for trial in made])
    # A knob that needs fresh processes is asked for until it has not paid, which depends on the clock: so some settings
    # are made in one of both only.
    here, there = ({json.dumps(t["changes"], sort_keys=True): judged(t) for t in every} for every in (made, alone))
    both = here.keys() & there.keys()
    assert len(both) >= 3  # the baseline, and what needs no fresh processes
    assert {changes: here[changes] for changes in both} == {changes: there[changes] for changes in both}


def made_alone(study: Cluster, out: Path, settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The trials of a study on this machine that tries these settings, too."""
    words = ("run", study.study, "--out", out, "--trials")
    study(*words, "1")
    asked = open_study(open_storage(out), study.record("study")["name"], 0, make_sampler)
    for each in settings:
        asked.enqueue_trial(each, skip_if_exists=True)
    study(*words, str(len(asked.get_trials(deepcopy=False))))
    return [json.loads(file.read_text()) for file in sorted(out.glob("trials/*.json"))]


def judged(trial: dict[str, Any]) -> tuple[Any, ...]:
    """What of a trial does not depend on the clock."""
    return tuple(trial[key] for key in ("verdict", "effective", "changes", "safety", "distance", "spikes"))


def test_srun_without_pmi_is_refused_with_its_cure(
    autotune: Any, slurm: Any, make_study: Any, wait: Any, tmp_path: Path
) -> None:
    study = make_study(tmp_path / "ring", "srun -n 2 {python} small_ring.py")
    cluster = Cluster(autotune, slurm, study, tmp_path / "out")
    cluster.submit(1)
    log = tmp_path / "out" / "cluster" / "log"

    assert wait(lambda: list(log.glob("*.txt")) and not slurm.queue(), WITHIN_S)
    (said,) = (file.read_text() for file in log.glob("*.txt"))
    assert "it started 2 separate worlds of 1 rank" in said
    assert "srun --mpi=pmix" in said
    (worker,) = cluster.status()["workers"]
    assert "2 separate worlds" in worker["ended"]
    assert cluster.trials() == []


def test_ranks_go_up_to_the_cores_of_an_allocation_until_cancel_ends_its_jobs(cluster: Any, wait: Any) -> None:
    study = cluster("mpiexec -n {ranks} {python} small_ring.py", trials=30, knobs=[*KNOBS, "ranks"])
    study.submit(1, "--ranks", "4", "--nodes", "2")
    assert wait(lambda: any(worker["begun"] for worker in study.workers().values()), WITHIN_S)
    refused = study.tuner("run", study.study, "--out", study.out, cwd=study.study.parent)
    assert refused.code == 2
    assert "workers are at work on this study" in refused.stderr
    assert f"cancel '{study.out}'" in " ".join(refused.stderr.split())
    assert wait((study.out / "plan.json").exists, WITHIN_S)
    assert study.record("plan")["domains"]["ranks"]["values"] == [1, 2, 4]  # a node here has two cores
    assert study.record("observation")["environment"]["ranks"] == 4
    study("cancel", study.out)
    assert wait(lambda: not study.slurm.queue(), WITHIN_S)
    assert study.tuner.all_gone()
    status = study.status()
    assert [worker["alive"] for worker in status["workers"]] == [False]
    assert status["waiting_for"].startswith("workers: none is at work")


def test_srun_with_pmix_makes_one_world_of_the_ranks_of_an_allocation(slurm: Any, tmp_path: Path, wait: Any) -> None:
    """As mpiexec does, which the other studies here start."""
    if "pmix" not in slurm.ask("srun", "--mpi=list"):
        pytest.skip("this Slurm does not know pmix: apt-get install libpmix-dev")
    (tmp_path / "model.py").write_text("from neuron import h\n")
    (tmp_path / "job.sh").write_text(
        "#!/bin/bash\n"
        f"{sys.executable} -m autotune doctor --json -- srun --mpi=pmix -n 2 {sys.executable} model.py > found.json\n"
        "touch ended\n"
    )
    slurm.ask("sbatch", "--ntasks=2", f"--chdir={tmp_path}", "--output=/dev/null", tmp_path / "job.sh")
    assert wait((tmp_path / "ended").exists, WITHIN_S)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["exit_code"] == 0, found
