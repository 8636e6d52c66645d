"""Whether a mechanism is thread safe is read from its text, and agrees with NEURON's own translator."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autotune.agent.threadsafe import is_thread_safe
from autotune.launch.build import neuron_version
from autotune.launch.mechanisms import parse_version

HEAD = "NEURON {{ SUFFIX made NONSPECIFIC_CURRENT i {more} }}\n"
SOLVES = "ASSIGNED { v i }\nSTATE { a b }\nBREAKPOINT { SOLVE s  i = a }\n"
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
    "a LOCAL of a GLOBAL's name": (
        "GLOBAL minf",
        "ASSIGNED { v i minf }\nBREAKPOINT { LOCAL a, minf[2], b  minf[0] = v\n"
        "if (v > 0) { LOCAL c  a = 1  c = a }  i = minf[0] }",
    ),
    "a GLOBAL assigned beside a block where its name is LOCAL": (
        "GLOBAL minf",
        "ASSIGNED { v i minf }\nBREAKPOINT { if (v > 0) { LOCAL minf  minf = v }  minf = 2  i = v }",
    ),
    "a GLOBAL assigned on the line of a LOCAL": (
        "GLOBAL minf",
        "ASSIGNED { v i minf }\nBREAKPOINT { LOCAL a  minf = v  i = v }",
    ),
    "a LOCAL of the file": ("", "ASSIGNED { v i }\nLOCAL total\nBREAKPOINT { total = v  i = v }"),
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
    "a protected GLOBAL": ("GLOBAL a", "ASSIGNED { v i a }\nBREAKPOINT { a = 2  PROTECT a = v  i = 1 }"),
    "a GLOBAL beside a protected one": (
        "GLOBAL a, b",
        "ASSIGNED { v i a b }\nBREAKPOINT { b = 2  PROTECT a = v  i = 1 }",
    ),
    "a POINTER before its author calls it safe": ("POINTER p THREADSAFE", "ASSIGNED { v i p }\nBREAKPOINT { i = v }"),
    "an EXTERNAL": ("EXTERNAL x", "ASSIGNED { v i }\nBREAKPOINT { i = v }"),
    "a BBCOREPOINTER": ("BBCOREPOINTER p", "ASSIGNED { v i p }\nBREAKPOINT { i = v }"),
    "a POINTER that its author calls safe": ("THREADSAFE POINTER p", "ASSIGNED { v i p }\nBREAKPOINT { i = v }"),
    "VERBATIM in an included file": ("", 'INCLUDE "verbatim.inc"\nASSIGNED { v i }\nBREAKPOINT { i = v }'),
    "a random number": ("", "ASSIGNED { v i }\nBREAKPOINT { i = scop_random() }"),
    "normal random numbers": ("", "ASSIGNED { v i }\nBREAKPOINT { i = normrand(0, 1) }"),
    "a seed": ("", "ASSIGNED { v i }\nINITIAL { set_seed(3) }\nBREAKPOINT { i = v }"),
    "a random number that its author calls safe": ("THREADSAFE", "ASSIGNED { v i }\nBREAKPOINT { i = scop_random() }"),
    "a sine": ("", "ASSIGNED { v i }\nBREAKPOINT { i = sin(v) }"),
    "DERIVATIVE without METHOD": ("", SOLVES + "DERIVATIVE s { a' = -a }"),
    "KINETIC without METHOD": ("", SOLVES + "KINETIC s { ~ a <-> b (1, 1) }"),
    "PROCEDURE without METHOD": ("", SOLVES + "PROCEDURE s() { a = v }"),
    "LINEAR": ("", SOLVES + "LINEAR s { ~ a + b = 1\n ~ a - b = v }"),
    "LINEAR that its author calls safe": ("THREADSAFE", SOLVES + "LINEAR s { ~ a + b = 1\n ~ a - b = v }"),
    "LINEAR that is not solved": (
        "",
        "ASSIGNED { v i }\nSTATE { a b }\nBREAKPOINT { i = a }\nLINEAR s { ~ a + b = 1\n ~ a - b = v }",
    ),
    "NONLINEAR": ("", SOLVES + "NONLINEAR s { ~ a*a + b = 1\n ~ a - b = v }"),
    "DISCRETE": ("", SOLVES + "DISCRETE s { a = a + 1 }"),
    "runge that its author calls safe": (
        "THREADSAFE",
        "ASSIGNED { v i }\nSTATE { m }\nBREAKPOINT { SOLVE d METHOD runge  i = m }\nDERIVATIVE d { m' = -m }",
    ),
    "a steady state": (
        "",
        "ASSIGNED { v i }\nSTATE { a b }\nINITIAL { SOLVE k STEADYSTATE sparse }\n"
        "BREAKPOINT { SOLVE k METHOD sparse  i = a }\nKINETIC k { ~ a <-> b (1, 1)\n CONSERVE a + b = 1 }",
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


def compiled_in(folder: Path) -> str:
    """The text of the mechanism as NEURON keeps it, in C."""
    made = next(folder.glob("made.c*")).read_text()
    quoted = re.search(r"nmodl_file_text =((?:\s*\".*\")*)", made)
    assert quoted
    return "".join(ast.literal_eval(line.strip()) for line in quoted[1].strip().splitlines())


@pytest.mark.parametrize("name", MECHANISMS)
def test_thread_safety_is_what_the_translator_says(name: str, tmp_path: Path) -> None:
    if not translator().is_file():
        pytest.skip("this NEURON has no nocmodl of its own")
    more, body = MECHANISMS[name]
    (tmp_path / "made.mod").write_text(HEAD.format(more=more) + body + "\n")
    (tmp_path / "verbatim.inc").write_text("VERBATIM\nstatic double kept;\nENDVERBATIM\n")
    said = subprocess.run([translator(), "made.mod"], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    text = compiled_in(tmp_path)
    version = parse_version(neuron_version(Path(sys.executable).with_name("nrnivmodl")))
    assert body.splitlines()[0] in text
    assert is_thread_safe(text, version) == ("Thread Safe" in said.stdout + said.stderr)


def test_a_derivative_without_a_method_is_unsafe_before_neuron_9() -> None:
    text = HEAD.format(more="THREADSAFE") + SOLVES + "DERIVATIVE s { a' = -a }"
    assert not is_thread_safe(text, (8, 2, 7))
    assert is_thread_safe(text, (9, 0, 2))


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
