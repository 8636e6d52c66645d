"""A study that is refused says what has changed, from what to what."""

from __future__ import annotations

from dataclasses import replace

from autotune.store.difference import differences
from autotune.store.records import ModelIdentity, StudyRecord

MODEL = ModelIdentity(("python", "ring.py"), "/models", {f"{name}.hoc": name for name in "abcdefg"})
CONFIG = {
    "name": "ring",
    "command": ["python", "ring.py"],
    "search": {"seed": 0, "knobs": None},
    "run": {"end_grace_s": 60},
}
STUDY = StudyRecord("ring", CONFIG, MODEL, None, "2026", "0.1.0")


def test_the_same_study_differs_in_nothing() -> None:
    assert differences(STUDY, replace(STUDY, created="2027", version="0.2.0")) == []


def test_each_key_is_told_with_both_values() -> None:
    now = {**CONFIG, "command": ["python", "ring.py", "x" * 100], "search": {"seed": 7, "knobs": ["dt"]}}
    assert differences(STUDY, replace(STUDY, config=now)) == [
        'command ["python", "ring.py"], now ["python", "ring.py", "' + "x" * 57 + "…",
        "search.seed 0, now 7",
        'search.knobs none, now ["dt"]',
    ]


def test_files_are_named_and_results_of_the_model_are_none() -> None:
    now = replace(STUDY, model=replace(MODEL, files={"a.hoc": "a", "b.hoc": "changed", "new.hoc": "new"}))
    assert differences(STUDY, now) == [
        "the model's files (b.hoc, c.hoc is gone, d.hoc is gone, e.hoc is gone, f.hoc is gone, and 1 more)"
    ]
    assert differences(STUDY, now, results=tuple(MODEL.files)) == []


def test_a_storage_is_told_without_its_password_and_a_new_password_is_no_difference() -> None:
    held = replace(STUDY, storage="postgresql://me:word@host/x")
    assert differences(held, replace(STUDY, storage="postgresql://me@host/x")) == []
    assert differences(held, STUDY) == ['storage "postgresql://me@host/x", now none']


def test_another_version_of_the_tool_is_told_beside_what_has_changed() -> None:
    now = replace(STUDY, config={**CONFIG, "name": "other"}, version="0.2.0")
    assert differences(STUDY, now) == ['name "ring", now "other"', "the version of this tool 0.1.0, now 0.2.0"]
