"""The formats in which an answer is handed over: found in their folder, true to the records, with what was measured."""

from __future__ import annotations

import ast
import json
import re
import sys
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from autotune.agent.driver.facts import LaunchFacts
from autotune.agent.driver.written import Tuned, Written
from autotune.agent.knobs import KNOBS
from autotune.best import Best
from autotune.errors import UsageError
from autotune.handover.answer import Answer
from autotune.handover.formats import NAMES, named
from autotune.launch.launchers.open_mpi import OpenMpi
from autotune.settings import Changes
from autotune.store.records import Verdict

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# What T4's readers rely on (autotuning_methodology, schemas/T4.json, 1.1.0).
T4 = {
    "type": "object",
    "required": ["schema_version", "metadata", "results"],
    "properties": {
        "schema_version": {"pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        "metadata": {"properties": {"timeunit": {"enum": ["nanoseconds", "microseconds", "milliseconds", "seconds"]}}},
        "results": {
            "type": "array",
            "items": {
                "required": ["configuration", "times", "invalidity", "correctness"],
                "properties": {
                    "timestamp": {"type": "string"},
                    "configuration": {"type": "object"},
                    "objectives": {"type": "array", "items": {"type": "string"}},
                    "times": {
                        "properties": {
                            "runtimes": {"type": "array", "items": {"type": "number"}},
                            "framework": {"type": "number"},
                        }
                    },
                    "invalidity": {"enum": ["timeout", "compile", "runtime", "correctness", "constraints", "correct"]},
                    "correctness": {"enum": [0, 1]},
                    "measurements": {
                        "items": {
                            "properties": {"value": {"type": ["number", "string", "array"]}},
                            "required": ["name"],
                        }
                    },
                },
            },
        },
    },
}
HERE = {
    "ranks": 4,
    "binding": "cores",
    "mod_flags": "-O3 -march=native",
    "neuron": "/opt/neuron-9",
    "coreneuron": True,
    "cell_permute": 1,
    "dt": 0.05,
    "secondorder": 2,
    "threads": 2,
    "busywait": True,
    "multisend": True,
    "multisend_subintervals": True,
    "multisend_two_phase": True,
    "nspike": 8,
    "gid_compress": True,
    "bin_queue": True,
    "self_queue": True,
    "maxstep": 1.0,
    "step_wait": False,
    "cache_efficient": True,
    "node_order": 2,
}


def test_every_file_of_the_folder_is_a_format():
    assert NAMES == ("hoc", "json", "python", "t4", "toml")
    for name in NAMES:
        assert (named(name).__doc__ or "").strip()
        assert named(name).FILE


def test_a_format_that_is_not_there():
    with pytest.raises(UsageError, match="there is no format 'yaml'") as refused:
        named("yaml")
    assert refused.value.cure == "The formats are hoc, json, python, t4, toml."


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_says_how_it_is_written(name: str, answer: Answer) -> None:
    """Inside NEURON in both languages; what is set at launch in words, beside which there may be statements."""
    binding = {"core": OpenMpi.binding.core, "cores": OpenMpi.binding.cores, "none": OpenMpi.binding.none}
    facts = replace(answer.observation.facts, launch=LaunchFacts(binding=binding, mod_files=("kca.mod",)))
    written = KNOBS[name].written(HERE[name], Tuned(facts, {name: HERE[name]}))
    assert written != Written()
    assert bool(written.python) == bool(written.hoc)
    assert bool(written.python) or bool(written.outside)
    assert bool(written.outside) == KNOBS[name].at_launch
    ast.parse("\n".join(written.python).format(pc="pc", cvode="cvode"))


def changed(answer: Answer, **changes: Any) -> Answer:
    assert answer.winner is not None
    effective = {**answer.winner.effective, **changes}
    return replace(answer, winner=replace(answer.winner, changes=Changes(changes), effective=effective))


def statements(answer: Answer) -> list[str]:
    """The statements of the handler, without comments."""
    lines = named("python").text(answer).partition("def set_tuned():")[2].splitlines()
    inside = [line.strip() for line in lines if line.startswith("    ") and not line.strip().startswith("#")]
    return [line for line in inside if " = h." not in line]


def test_one_call_sets_all_of_the_exchange_and_the_interval_follows(answer: Answer) -> None:
    both = changed(answer, nspike=8, gid_compress=True, dt=0.025)
    assert statements(both)[-2:] == ["pc.spike_compress(8, 1, 0)", "pc.set_maxstep(6.35)"]  # 254 steps
    assert statements(changed(answer, nspike=0)) == ["pc.spike_compress(0, 0, 0)", "pc.set_maxstep(10)"]
    sent = changed(answer, multisend=True, multisend_two_phase=True, maxstep=2.0)
    assert statements(sent) == ["pc.spike_compress(0, 0, 9)", "pc.set_maxstep(2)"]


def test_a_model_that_compresses_its_spikes_itself_keeps_its_interval_within_254_steps(answer: Answer) -> None:
    assert "pc.set_maxstep(2.54)" in statements(changed(answer, dt=0.01, nspike=8))
    observation = answer.observation
    facts = replace(observation.facts, baseline={**observation.facts.baseline, "nspike": 8})
    own = replace(answer, observation=replace(observation, facts=facts))
    assert answer.winner is not None
    winner = replace(
        answer.winner, changes=Changes({"dt": 0.01}), effective={**answer.winner.effective, "dt": 0.01, "nspike": 8}
    )
    assert statements(replace(own, winner=winner))[-1] == "pc.set_maxstep(2.54)"


def test_the_two_bits_of_the_queue_are_set_by_one_call(answer: Answer) -> None:
    assert statements(changed(answer, bin_queue=True, self_queue=True)) == ["cvode.queue_mode(1, 1)"]
    assert statements(changed(answer, self_queue=True)) == ["cvode.queue_mode(0, 1)"]


@pytest.mark.parametrize(("name", "mark"), [("python", "#"), ("hoc", "//")])
def test_comments_tell_what_was_measured_and_when(answer: Answer, name: str, mark: str) -> None:
    text = named(name).text(answer)
    comments = [line for line in text.splitlines() if line.startswith(mark)]
    told = " ".join(line.removeprefix(mark).strip() for line in comments)
    best = answer.best
    assert f"ring: {best.speedup.estimate:.2f} times as fast (95% interval" in told
    assert f"Measured on {answer.trials[-1].finished[:10]}, on {best.environment.host}" in told
    assert " ".join(best.model.command) in told
    assert f"{mark} dt: 0.05; yours is 0.025" in text


@pytest.mark.parametrize(("name", "mark"), [("python", "#"), ("hoc", "//"), ("toml", "#")])
def test_a_command_of_several_lines_stays_in_its_comment(answer: Answer, name: str, mark: str) -> None:
    command = ("python", "-c", "print(1)\nimport os\rx\u2028y")
    best = answer.best.model_copy(update={"model": replace(answer.best.model, command=command)})
    text = named(name).text(replace(answer, best=best))
    (line,) = [line for line in text.splitlines() if "import os" in line]
    assert line.startswith(mark)


def test_what_no_statement_can_set_is_told(answer: Answer) -> None:
    text = named("python").text(changed(answer, ranks=4, mod_flags="-O3"))
    assert "#   * start 4 ranks: mpiexec -n 4 ...  (ranks)" in text
    assert '#   * build the mechanisms with nrnivmodl -incflags "-O3"  (mod_flags)' in text
    assert "FInitializeHandler" not in text


@pytest.mark.parametrize("name", ["python", "hoc", "toml"])
def test_without_an_improvement_there_is_nothing_to_set(answer: Answer, name: str) -> None:
    best = answer.best.model_copy(update={"verdict": "no improvement"})
    text = named(name).text(replace(answer, winner=None, best=best))
    assert "no improvement is proved, keep your settings" in text
    assert "FInitializeHandler" not in text
    assert re.search(r"^dt = 0.05", text, re.MULTILINE) is None or name == "toml"


def test_toml_holds_the_same_as_best_json(answer: Answer) -> None:
    best, tables = answer.best, tomllib.loads(named("toml").text(answer))
    assert tables["verdict"] == best.verdict
    assert tables["settings"] == best.settings
    assert tables["own"] == best.baseline_settings
    assert tables["speedup"] == best.speedup.model_dump()
    assert answer.winner is not None
    assert tables["changes"] == answer.winner.changes


def test_toml_has_no_null(answer: Answer) -> None:
    text = named("toml").text(changed(answer, maxstep=None))
    assert "# maxstep: as it is" in text
    tomllib.loads(text)


def test_json_is_best_json(answer: Answer) -> None:
    read = Best.model_validate_json(named("json").text(answer))
    assert read.model_dump(mode="json") == answer.best.model_dump(mode="json")


def test_t4_holds_every_trial(answer: Answer) -> None:
    written = json.loads(named("t4").text(answer))
    jsonschema.validate(written, T4)
    assert written["metadata"]["autotuner"] == "neuron-autotune"
    results = written["results"]
    assert len(results) == len(answer.trials)
    for result, trial in zip(results, answer.trials, strict=True):
        assert set(result["configuration"]) == set(answer.plan.domains)
        assert {name: result["configuration"][name] for name in trial.params} == trial.params
        assert (result["invalidity"] == "correct") == (result["correctness"] == 1) == trial.accepted
        made = trial.samples if trial.answered_from is None else ()  # no run is counted twice
        assert result["times"]["runtimes"] == [sample.trial_s for sample in made]
        assert {each["name"]: each["value"] for each in result["measurements"]}["time_ratio"] == trial.ratio


VERDICTS: dict[Verdict, str] = {
    "accepted": "correct",
    "diverged": "correctness",
    "unstable": "correctness",
    "crashed": "runtime",
    "timeout": "timeout",
    "not applicable": "constraints",
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_t4_says_why_a_trial_does_not_count(answer: Answer, verdict: Verdict) -> None:
    trial = replace(answer.trials[1], verdict=verdict)
    (result,) = json.loads(named("t4").text(replace(answer, trials=(trial,))))["results"]
    assert result["invalidity"] == VERDICTS[verdict]
    assert result["correctness"] == (verdict == "accepted")


def test_t4_tells_a_build_that_failed_from_settings_that_were_refused(answer: Answer) -> None:
    trial = replace(answer.trials[1], verdict="not applicable", not_built=True, samples=(), ratio=None)
    (result,) = json.loads(named("t4").text(replace(answer, trials=(trial,))))["results"]
    assert result["invalidity"] == "compile"
    assert result["times"]["runtimes"] == []
    assert "time_ratio" not in {each["name"] for each in result["measurements"]}


def test_t4_counts_no_run_twice(answer: Answer) -> None:
    trial = replace(answer.trials[1], answered_from=0)
    (result,) = json.loads(named("t4").text(replace(answer, trials=(trial,))))["results"]
    assert result["times"]["runtimes"] == []
