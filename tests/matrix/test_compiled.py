"""The doctor says for which NEURON a model's mechanisms were compiled, before the other one fails to load them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from autotune.doctor import Finding, examine
from autotune.errors import ExitCode
from autotune.launch.command import parse_command


def mechanisms(folder: Path, program: Path | str) -> tuple[Finding, ExitCode]:
    findings, code = examine(
        parse_command([str(program), *(["-python"] * ("special" in str(program))), "m.py"], folder)
    )
    return next(finding for finding in findings if finding.name == "mechanisms"), code


def test_mechanisms_of_the_same_neuron_are_fine_and_of_another_are_missing_with_the_cure(
    version: str, special: Path, environments: Callable[..., Path]
) -> None:
    (special / "m.py").touch()
    other = {"8.2.7": "9.0.2", "9.0.2": "8.2.7"}[version]
    own, code = mechanisms(special, environments(f"neuron=={version}") / "python")
    assert (own.status, code) == ("ok", ExitCode.DONE)
    assert f"for NEURON {version}" in own.text
    foreign, code = mechanisms(special, environments(f"neuron=={other}") / "python")
    assert (foreign.status, code) == ("missing", ExitCode.USAGE)
    assert f"for NEURON {version}" in foreign.text
    assert f"nrnivmodl of NEURON {other}" in foreign.cure


def test_a_special_brings_its_own_neuron(special: Path) -> None:
    (special / "m.py").touch()
    program = next(special.glob("*/special"))
    finding, _ = mechanisms(special, program.relative_to(special))
    assert finding.status == "ok"


def test_a_neuron_that_was_upgraded_in_its_place_is_noticed(
    special: Path, version: str, environments: Callable[..., Path], tmp_path: Path
) -> None:
    """The library still names the folder in which its NEURON was; now it holds another one."""
    shutil.copytree(special, tmp_path / "model")
    own = environments(f"neuron=={version}").parent
    other = environments({"8.2.7": "neuron==9.0.2", "9.0.2": "neuron==8.2.7"}[version])
    library = next((tmp_path / "model").glob("*/libnrnmech.so"))
    library.write_bytes(library.read_bytes().replace(own.name.encode(), other.parent.name.encode()))
    (tmp_path / "model" / "m.py").touch()
    finding, _ = mechanisms(tmp_path / "model", other / "python")
    assert finding.status == "missing"
    assert f"for NEURON {version[0]}: " in finding.text
