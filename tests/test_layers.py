"""The floors of the house: a package imports only what stands below it, and the agent nothing of ours but itself.

docs/explanation/architecture.md has the order; rooms of one floor do not import each other, but for BESIDE.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import autotune

ROOT = Path(autotune.__file__).parent

ARCHITECTURE = ROOT.parent / "docs" / "explanation" / "architecture.md"


def read_floors() -> list[set[str]]:
    """The rooms of each floor, from the ground up, as the architecture page lists them."""
    page = ARCHITECTURE.read_text(encoding="utf-8")
    table = page.partition("<!-- floors, from the top -->")[2].partition("<!-- end of floors -->")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return [set(re.findall(r"`([\w.]+)`", row)) for row in reversed(rows)]


FLOORS = read_floors()
BESIDE = {("agent", "errors"), ("report", "doctor")}
# What the user's interpreter has beside its standard library, and the agent's own name where it is staged.
INSIDE_NEURON = {"numpy", "neuron", "hoc", "autotune_agent"}
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}
FILES = sorted(ROOT.rglob("*.py"))


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of every module that a file imports, also inside its functions."""
    package = ("autotune", *file.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield node.lineno, base
            if base == "autotune" or node.module is None:  # from autotune import x, from . import x
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def room(module: str) -> str:
    """The package (or module) directly under `autotune` that a module belongs to, or a name of its own in FLOORS."""
    inside = module.split(".")[1:]
    return ".".join(inside) if ".".join(inside) in FLOOR_OF else inside[0]


def module_of(file: Path) -> str:
    return ".".join(("autotune", *file.relative_to(ROOT).with_suffix("").parts))


def is_ours(name: str) -> bool:
    return name.startswith("autotune.") and not name.startswith("autotune.__")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_points_up(file):
    here = room(module_of(file))
    if here == "__init__":
        return
    for line, name in imports(file):
        if not is_ours(name) or room(name) == here:
            continue
        there = room(name)
        below = FLOOR_OF[there] < FLOOR_OF[here] or (here, there) in BESIDE
        assert below, f"{file.relative_to(ROOT)}:{line}: {here} imports {there}, which does not stand below it"


def test_every_room_has_its_floor():
    rooms = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert rooms - {"__init__"} == {name for name in FLOOR_OF if "." not in name}


@pytest.mark.parametrize("file", sorted((ROOT / "agent").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_the_agent_imports_only_itself_the_standard_library_numpy_and_neuron(file):
    for line, name in imports(file):
        outside = not name.startswith("autotune.agent")
        top = name.partition(".")[0]
        allowed = top in sys.stdlib_module_names or top in INSIDE_NEURON
        assert not outside or allowed, f"{file.relative_to(ROOT)}:{line} imports {name}"


def test_the_agent_reaches_itself_by_relative_imports_because_it_is_staged_under_another_name():
    for file in (ROOT / "agent").rglob("*.py"):
        assert "autotune.agent" not in [
            node.module for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)
        ]


def test_the_agent_can_be_read_by_python_3_9():
    for file in (ROOT / "agent").rglob("*.py"):
        ast.parse(file.read_text(), feature_version=(3, 9))


def test_the_command_line_starts_without_the_heavy_libraries():
    heavy = {"optuna", "scipy", "pandas", "plotly", "h5py"}
    program = f"import sys, autotune.cli, autotune.handover.production; print({heavy} & set(sys.modules))"  # exec, env
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
