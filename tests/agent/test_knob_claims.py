"""A knob says in so many words what it is; what it forgets to say is no default but an error."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import autotune
from autotune.agent.driver.ask import (
    build_wish,
    home_of,
    keep_timers,
    not_put_back,
    ranks_of,
    refining,
    to_be_checked,
    uses_coreneuron,
)
from autotune.agent.driver.facts import ModelFacts
from autotune.agent.driver.start import BuildWish
from autotune.agent.knobs import KNOBS, InSession, Knob, Lifetime, ToldBy

ROOT = Path(autotune.__file__).parent

CLAIMS: dict[str, Any] = {
    "name": "new",
    "order": 1,
    "lifetime": Lifetime.FINITIALIZE,
    "in_session": InSession.FREELY,
    "in_coreneuron": True,
    "told_by": ToldBy.NEURON,
    "keeps_timers": True,
    "domain": lambda self, facts: None,
    "apply": lambda self, sim, value, settings: None,
    "written": lambda self, value, tuned: None,
    "read_back": lambda self, sim, settings: None,
}


def make(**changed: Any) -> type:
    said = {**CLAIMS, **changed}
    return type("New", (Knob,), {name: value for name, value in said.items() if value is not None})


def test_a_knob_that_says_everything_is_one() -> None:
    assert make()().replays


@pytest.mark.parametrize("forgotten", sorted(CLAIMS))
def test_what_a_knob_does_not_say_is_an_error(forgotten: str) -> None:
    with pytest.raises(TypeError, match=f"New does not say: {forgotten}"):
        make(**{forgotten: None})


@pytest.mark.parametrize(
    ("claim", "owed"),
    [
        ({"lifetime": Lifetime.BUILD}, "build"),
        ({"launch": lambda self, start, value, settings: start}, "launch_depends_on"),
        ({"told_by": ToldBy.REQUEST}, "not_put_back"),
        ({"told_by": ToldBy.EXCHANGES}, "not_put_back"),
    ],
)
def test_a_claim_can_oblige_to_another(claim: dict[str, Any], owed: str) -> None:
    with pytest.raises(TypeError, match=f"does not say: {owed}"):
        make(**claim)


def test_settings_as_a_whole_are_asked_and_not_searched_for_names() -> None:
    settings = {"ranks": 4, "mod_flags": "-O3", "neuron": "/opt/nine", "coreneuron": True, "dt": 0.05}
    assert ranks_of(settings) == 4
    assert build_wish(settings) == BuildWish("-O3", "/opt/nine", True)
    assert home_of(settings) == "/opt/nine"
    assert uses_coreneuron(settings)
    plain = {"dt": 0.05, "mod_flags": "own", "coreneuron": False}
    assert (ranks_of(plain), build_wish(plain)) == (None, BuildWish())
    assert keep_timers(["dt", "nspike"])
    assert not keep_timers(["dt", "coreneuron"])
    assert to_be_checked(["dt", "bin_queue"])
    assert not to_be_checked(["dt", "nspike"])


def test_the_knob_that_refines_the_numbers_knows_what_took_effect() -> None:
    knob = refining()
    assert knob.name == "dt"
    assert knob.finer(0.025, 4) == 0.00625
    assert knob.took(0.0125, 0.0125 * (1 + 1e-9))
    assert not knob.took(0.0125, 0.025)
    assert not knob.took(0.0125, None)  # the variable step method


def facts(**changed: Any) -> ModelFacts:
    """Two ranks that exchange their spikes every 0.5 ms, where 2 ms would do."""
    usual: dict[str, Any] = {
        "min_delay_ms": 2.0,
        "delays_ms": (2.0,),
        "t_stop_ms": 50.0,
        "histogram": (90, 10),
        "output_gids": (8, 8),
        "baseline": {"nspike": 0},
    }
    return ModelFacts(neuron=(9, 0, 2), ranks=2, dt_ms=0.025, **{**usual, **changed})


def test_what_neuron_cannot_tell_a_session_cannot_put_back() -> None:
    assert "exchange interval" in not_put_back(facts(), ["nspike"])
    assert "exchange interval" in not_put_back(facts(), ["dt"])
    assert not not_put_back(facts(), ["bin_queue", "node_order"])  # they leave it alone
    seldom = {"histogram": (20, 5)}
    assert not not_put_back(facts(**seldom), ["nspike"])
    compressed = {**seldom, "baseline": {"nspike": 5}}
    assert "whether gids too" in not_put_back(facts(**compressed), ["nspike"])
    assert not not_put_back(facts(**compressed), ["dt"])
    assert not not_put_back(facts(**compressed, output_gids=(300, 8)), ["nspike"])  # they would not fit


# A word that happens to be a knob's name, too.
OTHER_MEANINGS = {
    ("agent/inject/sitecustomize.py", "neuron"),  # the Python module
    ("agent/simulator.py", "neuron"),
    ("agent/seen.py", "neuron"),
    ("agent/probe.py", "threads"),  # a number in the report of a rank
    ("observe/facts.py", "threads"),
    ("launch/build.py", "coreneuron"),  # a key of the record of a build
    ("launch/interpreter.py", "neuron"),  # a key of what an interpreter answers
    ("observe/step.py", "neuron"),  # what a program prints
    ("handover/production.py", "neuron"),
    ("report/html/profile.py", "ranks"),  # the anchor of a section
    ("report/html/sections/machine.py", "ranks"),  # a field of Environment
    ("report/html/sections/scaling.py", "ranks"),  # the heading of a column
    ("report/terminal/places.py", "ranks"),
    ("report/terminal/places.py", "threads"),
    ("calibrate/notes.py", "dt"),  # a word of a sentence
    ("profile/advice/step.py", "dt"),
    ("doctor.py", "neuron"),
    ("doctor.py", "coreneuron"),
}
MAKING_SETTINGS = ("dict", "with_values", "Params", "Changes", "Effective")
"""What is called with settings: there a keyword is a knob's name, too."""
BY_NAME = {"search/recipe.py"}  # published advice names knobs


def names_of_knobs(file: Path) -> set[str]:
    """The strings of a module that are a knob's name: keys, in comparisons, in tuples to look for; not in prose."""
    nodes = [*ast.walk(ast.parse(file.read_text()))]
    texts = {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value in KNOBS}
    calls = [n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func).rpartition(".")[2] in MAKING_SETTINGS]
    return texts | {word.arg for call in calls for word in call.keywords if word.arg in KNOBS}


def test_no_knob_is_known_by_name_outside_its_folder() -> None:
    found = {}
    for file in ROOT.rglob("*.py"):
        where = file.relative_to(ROOT).as_posix()
        if file.parent.name == "knobs" or where in BY_NAME:
            continue
        names = {name for name in names_of_knobs(file) if (where, name) not in OTHER_MEANINGS}
        if names:
            found[where] = names
    assert not found
