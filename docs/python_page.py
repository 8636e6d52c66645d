"""The reference page of what Python programs use, made from the code; `make reference` writes it."""

from __future__ import annotations

import inspect

import autotune

HEAD = """# In Python

Made by `make reference` from the code; a test compares the two. How it is used in a notebook:
[use it from Python](../how-to/use-it-from-python.md).
"""


def python_page() -> str:
    """Every public function with its parameters, and the type that they return."""
    return "\n".join([HEAD, *(_function(name) for name in autotune.__all__ if name.islower()), _BEST])


def _function(name: str) -> str:
    function = getattr(autotune, name)
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "    *," not in parameters:
            parameters.append("    *,")
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        parameters.append(f"    {parameter.name}: {parameter.annotation}{default},")
    code = "\n".join([f"autotune.{name}(", *parameters, ") -> Best"])
    return f"## {name}\n\n```text\n{code}\n```\n\n{inspect.getdoc(function)}\n"


_BEST = """## Best

The answer of a study, frozen. Its fields are the keys of [best.json](best.md), as attributes: `best.verdict`,
`best.settings`, `best.speedup.estimate`, `best.evidence.raster`, and so on. It is a pydantic model:
`best.model_dump()` gives dictionaries, `best.model_dump_json()` best.json.
"""
