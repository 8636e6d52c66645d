"""Which mechanisms of the model NEURON refuses to run on more than one thread.

NEURON cannot be asked: it raises in finitialize once there are threads, and under MPI that ends every rank. The text
of a mechanism is compiled in, though, with all that it includes, and the rules by which the translator (nocmodl)
decides are few. Where they are not met here, a trial fails with NEURON's own words; the run is never touched.
"""

from __future__ import annotations

import re
from typing import Any, Callable, List, Set, Tuple

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
_LOCAL = r"\bLOCAL\s+\w+(?:\s*\[[^\]]*\])?(?:\s*,\s*\w+(?:\s*\[[^\]]*\])?)*"
_SCOPES = re.compile(r"[{}]|%s|\b(\w+)\s*(?:\[[^\]]*\]\s*)?=(?!=)" % _LOCAL)
_SOLVED = re.compile(r"\bSOLVE\s+(\w+)(?:\s+(?:METHOD|STEADYSTATE)\s+(\w+))?")


def thread_unsafe(sim: Simulator) -> List[str]:
    """The names of the mechanisms in use on this rank that need a single thread."""
    names = [name for name in ONE_MATRIX if _is_inserted(sim, name)]
    if int(sim.h.List("LinearMechanism").count()):
        names.append("LinearMechanism")
    return names + _in_use(sim, lambda text: not is_thread_safe(text, sim.version))


def lacking_the_word(sim: Simulator) -> List[str]:
    """Those of them that THREADSAFE alone would mend: they assign a GLOBAL, of which each thread then has its own."""
    return _in_use(
        sim,
        lambda text: (
            not is_thread_safe(text, sim.version)
            and _GLOBALS.search(text) is not None
            and is_thread_safe(_GLOBALS.sub("RANGE", text), sim.version)
        ),
    )


def _in_use(sim: Simulator, wanted: Callable[[str], bool]) -> List[str]:
    """The mechanisms in use whose NMODL text is wanted."""
    names = []
    for point in (0, 1):
        kinds = sim.h.MechanismType(point)
        name = sim.h.ref("")
        for kind in range(int(kinds.count())):
            kinds.select(kind)
            kinds.selected(name)
            if wanted(kinds.code() or "") and _is_used(sim, name[0], bool(point)):
                names.append(name[0])
    return names


def is_thread_safe(text: str, neuron: Tuple[int, ...]) -> bool:
    """Whether the translator of this version would call the mechanism with this NMODL text thread safe."""
    text = _COMMENTS.sub(" ", text)
    if not _is_solved_safely(text, neuron):
        return False
    declared = re.search(r"\bTHREADSAFE\b", text)
    checked = text[: declared.start()] if declared else text  # the translator looks at nothing behind that word
    if _UNSAFE_WORDS.search(checked) or _UNSAFE_CALLS.search(checked):
        return False
    assigned, has_file_locals = _assigned(_DECLARATIONS.sub(" ", text))
    if has_file_locals and re.search(r"\bARTIFICIAL_CELL\b", text):
        return False
    shared = {name for names in _GLOBALS.findall(text) for name in re.split(r"\s*,\s*", names)}
    return bool(declared) or not assigned & (shared - set(_PROTECTED.findall(text)))


def _assigned(procedures: str) -> Tuple[Set[str], bool]:
    """The names that the blocks assign, those that are LOCAL there apart, and whether any are LOCAL to the file."""
    found: Set[str] = set()
    locals_of: List[Set[str]] = [set()]  # of the file, and of each block that is open
    for match in _SCOPES.finditer(procedures):
        word = match[0]
        if word == "{":
            locals_of.append(set())
        elif word == "}":
            del locals_of[max(1, len(locals_of) - 1) :]
        elif match[1]:
            if not any(match[1] in names for names in locals_of):
                found.add(match[1])
        else:
            locals_of[-1].update(re.findall(r"[A-Za-z_]\w*", word[len("LOCAL") :]))
    return found, bool(locals_of[0])


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
