"""Where the types of settings are made, and who is handed a whole study's configuration: read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import autotune
from autotune.launch.ask import Ask

ROOT = Path(autotune.__file__).parent
TREES = {str(file.relative_to(ROOT)): ast.parse(file.read_text()) for file in sorted(ROOT.rglob("*.py"))}

KINDS = {"Params", "Changes", "Effective"}
MAKERS = {"settings.py", "plan/space.py", "launch/reading.py"}
"""`SearchSpace` alone turns one kind into another; what ranks read back is read in one place."""
EDGE = {"config.py", "cli.py", "cluster/submission.py"}
"""Where it is made, read and written down for workers."""
MOST_WHOLE = 3


def made(tree: ast.AST) -> Iterator[str]:
    """Every making of one of these types: its name called, or cast to, under whatever name it was imported."""
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in KINDS
    } | {kind: kind for kind in KINDS}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if node_name(node.func) == "cast" and node.args and node_name(node.args[0]) in names:
                yield f"line {node.lineno}: cast to {node_name(node.args[0])}"
            elif node_name(node.func) in names:
                yield f"line {node.lineno}: {names[node_name(node.func)]}(...)"


def node_name(node: ast.AST) -> str:
    """The last word of a name: `settings.Params` is Params; of a string, its text."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Constant):
        return str(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def handed_whole(tree: ast.AST) -> Iterator[str]:
    """The functions with a parameter that is a StudyConfig, or a class with such a field."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            annotations = [parameter.annotation for parameter in every if parameter]
        elif isinstance(node, ast.ClassDef):
            annotations = [each.annotation for each in node.body if isinstance(each, ast.AnnAssign)]
        else:
            continue
        if any("StudyConfig" in ast.unparse(annotation) for annotation in annotations if annotation):
            yield node.name


def test_what_was_asked_changed_and_in_effect_is_made_in_three_places_only():
    found = {name: [*made(tree)] for name, tree in TREES.items()}
    assert {name: lines for name, lines in found.items() if lines and name not in MAKERS} == {}
    assert {name for name, lines in found.items() if lines} == MAKERS


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("from autotune.settings import Params\nx = Params({})", ["line 2: Params(...)"]),
        ("from autotune.settings import Changes as C\nx = C({})", ["line 2: Changes(...)"]),
        ("from autotune import settings\nx = settings.Effective({})", ["line 2: Effective(...)"]),
        ("from typing import cast\nx = cast('Changes', {})", ["line 2: cast to Changes"]),
        ("from autotune.settings import Params\ndef f(x: Params) -> None: ...", []),
    ],
)
def test_however_one_is_made_it_is_found(source, lines):
    assert [*made(ast.parse(source))] == lines


def test_below_the_road_itself_three_functions_at_most_are_handed_the_whole_configuration():
    found = {name: [*handed_whole(tree)] for name, tree in TREES.items() if name not in EDGE}
    road = ["tune", "walk", "profile", "scale", "_runner", "plan"]
    assert found.pop("pipeline.py") == road
    whole = [f"{name}: {function}" for name, functions in found.items() for function in functions]
    assert 0 < len(whole) <= MOST_WHOLE, whole


def test_no_run_can_be_asked_for_without_a_limit():
    with pytest.raises(TypeError, match="limit_s"):
        Ask()
