"""What notebooks and scripts use: two functions and a type, and nothing beside them."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import autotune
from autotune.errors import UsageError

HEAVY = {"optuna", "scipy", "pandas", "plotly", "h5py", "pydantic", "rich"}
CELL = """
import autotune
from pathlib import Path
best = autotune.tune(Path({study!r}), out={out!r})
print(best.verdict)
"""


def test_nothing_else_is_public() -> None:
    assert autotune.__all__ == ["Best", "load", "tune"]
    assert dir(autotune) == sorted([*autotune.__all__, "__version__"])
    with pytest.raises(AttributeError, match="has no attribute 'tunes'"):
        autotune.tunes  # noqa: B018
    names: dict[str, Any] = {}
    exec("from autotune import *", names)
    assert set(names) - {"__builtins__"} == set(autotune.__all__)


@pytest.mark.parametrize("name", autotune.__all__)
def test_what_is_public_is_documented_and_typed(name: str) -> None:
    public = getattr(autotune, name)
    assert len(inspect.getdoc(public) or "") > 60
    if not isinstance(public, type):
        signature = inspect.signature(public)
        assert signature.return_annotation == "Best"
        assert all(parameter.annotation is not parameter.empty for parameter in signature.parameters.values())
        assert Path(autotune.__file__).with_name("py.typed").is_file()


def test_importing_it_costs_nothing_until_it_is_used() -> None:
    program = f"import sys, autotune; print({HEAVY} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_study_that_is_there_is_answered_and_loaded_alike(
    recipe_study: Any, copy_of: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished = copy_of(recipe_study)
    best = autotune.tune(finished.study, out=finished.out, quiet=True)
    assert isinstance(best, autotune.Best)
    assert capsys.readouterr().out == ""
    again = autotune.load(str(finished.out))
    assert again.model_dump(exclude={"created"}) == best.model_dump(exclude={"created"})
    file = tmp_path / "best.json"
    file.write_text(best.model_dump_json())
    assert autotune.load(file).model_dump(mode="json") == best.model_dump(mode="json")


def test_options_are_those_of_study_toml(recipe_study: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"search.seed = -1"):
        autotune.tune(recipe_study.study, out=tmp_path / "out", seed=-1)
    with pytest.raises(UsageError, match="there is no knob 'nspik'; did you mean nspike"):
        autotune.tune("python small_ring.py", folder=recipe_study.study, out=tmp_path / "out", knobs=["nspik"])
    assert not (tmp_path / "out").exists()


def test_there_is_nothing_to_load(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no study there"):
        autotune.load(tmp_path)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UsageError, match=r"other\.json: schema_version None"):
        autotune.load(tmp_path / "other.json")


def test_a_notebook_shows_progress_in_place(recipe_study: Any, copy_of: Any) -> None:
    """In a real kernel: lines as rich writes them there, and the search as one output that is drawn anew."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    finished = copy_of(recipe_study)
    cell = nbformat.v4.new_code_cell(CELL.format(study=str(finished.study), out=str(finished.out)))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    shown = [output["data"] for output in outputs if output["output_type"] == "display_data"]
    assert any("Searching" in data.get("text/html", "") for data in shown)
    widgets = [data["application/vnd.jupyter.widget-view+json"] for data in shown if "text/html" not in data]
    states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    drawn = [states[widget["model_id"]]["state"]["outputs"][-1]["data"]["text/plain"] for widget in widgets]
    assert f"{len(finished.trials())} of 5 trials" in drawn[0]
    assert outputs[-1]["text"].strip() in ("improved", "no improvement")
