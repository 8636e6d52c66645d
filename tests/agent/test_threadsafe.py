"""Whether a mechanism is thread safe is read from its text, and agrees with NEURON's own translator."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from autotune.agent.threadsafe import is_thread_safe

HEAD = "NEURON {{ SUFFIX made NONSPECIFIC_CURRENT i {more} }}\n"
MECHANISMS = {
    "a parameter shared by all": (
        "GLOBAL k",
        "PARAMETER { k = 1 }\nASSIGNED { v i }\nBREAKPOINT { i = k*(v + 65) }",
    ),
    "an assigned GLOBAL": (
        "GLOBAL tau, minf",
        "ASSIGNED { v i minf tau }\nBREAKPOINT { rates(v)  i = minf*(v + 65) }\n"
        "PROCEDURE rates(v) { minf = 1/(1 + exp(-v)) }",
    ),
    "an assigned GLOBAL that its author calls safe": (
        "THREADSAFE GLOBAL minf",
        "ASSIGNED { v i minf }\nBREAKPOINT { rates(v)  i = minf*(v + 65) }\n"
        "PROCEDURE rates(v) { minf = 1/(1 + exp(-v)) }",
    ),
    "a table of a GLOBAL": (
        "GLOBAL minf",
        "ASSIGNED { v i minf }\nBREAKPOINT { rates(v)  i = minf*(v + 65) }\n"
        "PROCEDURE rates(v) { TABLE minf FROM -100 TO 100 WITH 200\n minf = 1/(1 + exp(-v)) }",
    ),
    "a comparison of a GLOBAL": (
        "GLOBAL k",
        "PARAMETER { k = 1 }\nASSIGNED { v i }\nBREAKPOINT { i = 0  if (k == 1) { i = v + 65 } }",
    ),
    "VERBATIM": ("", "ASSIGNED { v i }\nBREAKPOINT { i = v + 65\nVERBATIM\nENDVERBATIM\n}"),
    "VERBATIM in a comment": ("", "COMMENT\nno VERBATIM here\nENDCOMMENT\nASSIGNED { v i }\nBREAKPOINT { i = v + 65 }"),
    "a POINTER": ("POINTER p", "ASSIGNED { v i p }\nBREAKPOINT { i = v + 65 + p }"),
    "a POINTER in a comment": ("", "ASSIGNED { v i }  : no POINTER\nBREAKPOINT { i = v + 65 }"),
    "cnexp": (
        "",
        "ASSIGNED { v i }\nSTATE { m }\nBREAKPOINT { SOLVE d METHOD cnexp  i = m }\nDERIVATIVE d { m' = -m }",
    ),
    "derivimplicit": (
        "",
        "ASSIGNED { v i }\nSTATE { m }\nBREAKPOINT { SOLVE d METHOD derivimplicit  i = m }\nDERIVATIVE d { m' = -m*m }",
    ),
    "euler": (
        "",
        "ASSIGNED { v i }\nSTATE { m }\nBREAKPOINT { SOLVE d METHOD euler  i = m }\nDERIVATIVE d { m' = -m }",
    ),
    "runge": (
        "",
        "ASSIGNED { v i }\nSTATE { m }\nBREAKPOINT { SOLVE d METHOD runge  i = m }\nDERIVATIVE d { m' = -m }",
    ),
    "sparse": (
        "",
        "ASSIGNED { v i }\nSTATE { a b }\nBREAKPOINT { SOLVE k METHOD sparse  i = a }\nKINETIC k { ~ a <-> b (1, 1) }",
    ),
}


def translator() -> Path:
    spec = importlib.util.find_spec("neuron")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / ".data" / "bin" / "nocmodl"


@pytest.mark.parametrize("name", MECHANISMS)
def test_thread_safety_is_what_the_translator_says(name: str, tmp_path: Path) -> None:
    if not translator().is_file():
        pytest.skip("this NEURON has no nocmodl of its own")
    more, body = MECHANISMS[name]
    text = HEAD.format(more=more) + body + "\n"
    (tmp_path / "made.mod").write_text(text)
    said = subprocess.run([translator(), "made.mod"], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert is_thread_safe(text) == ("Thread Safe" in said.stdout + said.stderr)


def test_a_model_with_extracellular_is_told_to_need_one_thread() -> None:
    script = (
        "from neuron import h\n"
        "from autotune.agent.simulator import Simulator\n"
        "from autotune.agent.threadsafe import thread_unsafe\n"
        "s = h.Section()\n"
        "s.insert('hh')\n"
        "print(thread_unsafe(Simulator()))\n"
        "s.insert('extracellular')\n"
        "clamp = h.VClamp(s(0.5))\n"
        "print(thread_unsafe(Simulator()))\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said.stdout.splitlines() == ["[]", "['extracellular', 'VClamp']"], said.stderr
