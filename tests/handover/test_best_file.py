"""best.json as a file: judged by its schema when it is written and when it is read; enough to repeat the study."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from autotune.best import read_best, schema, write_best
from autotune.config import make_config
from autotune.errors import UsageError


def test_the_schema_is_one_of_draft_2020_12():
    assert schema()["$schema"].endswith("draft/2020-12/schema")
    Draft202012Validator.check_schema(schema())


def test_what_is_written_is_read_again(answer, tmp_path):
    write_best(answer.best, tmp_path / "best.json")
    assert read_best(tmp_path / "best.json").model_dump(mode="json") == answer.best.model_dump(mode="json")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema_version": 9}, "schema_version 9, this tool reads"),
        ({"verdict": "splendid"}, r"\$.verdict: 'splendid' is not one of"),
        ({"unheard": 1}, "Additional properties"),
        ({"settings": None}, r"\$.settings"),
    ],
)
def test_what_the_schema_forbids_is_not_read(answer, tmp_path, change, says):
    file = tmp_path / "best.json"
    write_best(answer.best, file)
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(UsageError, match=says):
        read_best(file)


def test_what_the_schema_forbids_is_not_written(answer, tmp_path):
    with pytest.raises(ValueError, match="verdict"):
        write_best(answer.best.model_copy(update={"verdict": "splendid"}), tmp_path / "best.json")
    assert list(tmp_path.iterdir()) == []


def test_it_is_enough_to_repeat_the_study(answer):
    config = make_config(json.loads(answer.best.model_dump_json())["repeat"])
    # Keys that came after the records were made have their defaults.
    for name, recorded in answer.study.config.items():
        assert holds(config.model_dump(mode="json")[name], recorded), name
    assert config.search.trials == len(answer.trials)


def holds(again: Any, recorded: Any) -> bool:
    """Whether all that was recorded is there again."""
    if isinstance(again, dict) and isinstance(recorded, dict):
        return all(name in again and holds(again[name], value) for name, value in recorded.items())
    return bool(again == recorded)
