"""Which mechanisms of the model NEURON refuses to run on more than one thread.

NEURON cannot be asked: it raises in finitialize once there are threads, and under MPI that ends every rank. The text
of a mechanism is compiled in, though, with all that it includes, and the rules by which the translator (nocmodl)
decides are few. Where they are not met here, a trial fails with NEURON's own words; the run is never touched.
"""

from __future__ import annotations

import re
from typing import Any, List, Tuple

from .simulator import Simulator

ONE_MATRIX = ("extracellular",)  # solved in one matrix for all threads: "NrnDAE only one thread allowed"
_UNSAFE_WORDS = re.compile(r"\b(?:VERBATIM|POINTER|BBCOREPOINTER|EXTERNAL)\b")
_UNSAFE_CALLS = re.compile(
    r"\b(?:scop_random|set_?seed|normrand|exprand|poisrand|poisson|gauss|boundary|deflate|derivs|expfit|(?:step)?force"
    r"|invert|romberg|schedule|spline)\s*\("
)
_UNSAFE_BLOCKS = {"LINEAR", "NONLINEAR", "DISCRETE"}
_SAFE_METHODS = {"", "cnexp", "sparse", "derivimplicit", "euler", "after_cvode", "cvode_t", "cvode_t_v", "newton"}
_COMMENTS = re.compile(r"\bCOMMENT\b.*?\bENDCOMMENT\b|^\s*TITLE\b[^\n]*|[:?][^\n]*", re.DOTALL | re.MULTILINE)
_DECLARATIONS = re.compile(r"\b(?:PARAMETER|CONSTANT|UNITS|ASSIGNED|STATE|NEURON)\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_GLOBALS = re.compile(r"\bGLOBAL\s+(\w+(?:\s*,\s*\w+)*)")
_PROTECTED = re.compile(r"\bPROTECT\s+(\w+)")
_BLOCKS = re.compile(r"\b(DERIVATIVE|LINEAR|NONLINEAR|DISCRETE)\s+(\w+)")
_SOLVED = re.compile(r"\bSOLVE\s+(\w+)(?:\s+(?:METHOD|STEADYSTATE)\s+(\w+))?")


def thread_unsafe(sim: Simulator) -> List[str]:
    """The names of the mechanisms in use on this rank that need a single thread."""
    names = [name for name in ONE_MATRIX if _is_inserted(sim, name)]
    if int(sim.h.List("LinearMechanism").count()):
        names.append("LinearMechanism")
    for point in (0, 1):
        kinds = sim.h.MechanismType(point)
        name = sim.h.ref("")
        for kind in range(int(kinds.count())):
            kinds.select(kind)
            kinds.selected(name)
            if not is_thread_safe(kinds.code() or "", sim.version) and _is_used(sim, name[0], bool(point)):
                names.append(name[0])
    return names


def is_thread_safe(text: str, neuron: Tuple[int, ...]) -> bool:
    """Whether the translator of this version would call the mechanism with this NMODL text thread safe."""
    text = _COMMENTS.sub(" ", text)
    if not _is_solved_safely(text, neuron):
        return False
    if re.search(r"\bTHREADSAFE\b", text):
        return True
    if _UNSAFE_WORDS.search(text) or _UNSAFE_CALLS.search(text):
        return False
    shared = {name for names in _GLOBALS.findall(text) for name in re.split(r"\s*,\s*", names)}
    shared -= set(_PROTECTED.findall(text))
    procedures = _DECLARATIONS.sub(" ", text)
    return not any(re.search(r"\b%s\s*(?:\[[^\]]*\]\s*)?=(?!=)" % name, procedures) for name in shared)


def _is_solved_safely(text: str, neuron: Tuple[int, ...]) -> bool:
    """What the author's THREADSAFE does not excuse."""
    blocks = {name: kind for kind, name in _BLOCKS.findall(text)}
    for name, method in _SOLVED.findall(text):
        kind = blocks.get(name)
        if kind in _UNSAFE_BLOCKS or method not in _SAFE_METHODS:
            return False
        if kind == "DERIVATIVE" and not method and neuron < (9,):  # adrunge there
            return False
    return True


def _is_used(sim: Simulator, name: str, point: bool) -> bool:
    return bool(int(sim.h.List(name).count())) if point else _is_inserted(sim, name)


def _is_inserted(sim: Simulator, name: str) -> bool:
    return any(_has(section, name) for section in sim.h.allsec())


def _has(section: Any, name: str) -> bool:
    return bool(section.has_membrane(name))
