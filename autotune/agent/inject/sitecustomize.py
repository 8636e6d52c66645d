"""How the agent gets into a Python process: this file stands first on PYTHONPATH and waits for NEURON to be imported.

It must print nothing (output at start-up breaks nrniv's search for Python) and must leave everything else as it found it: another
`sitecustomize` further down the path is run as if this one were not here.
"""

import importlib.machinery
import importlib.util
import os
import sys
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))


def _run_the_next_sitecustomize() -> None:
    path = [p for p in sys.path if os.path.abspath(p or os.getcwd()) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


class _NeuronImport:
    """A meta path finder that installs the agent right after `neuron` has been imported, and then steps aside."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "neuron":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_then_install(module: Any) -> None:
            execute(module)
            from autotune_agent import hooks

            hooks.install()

        loader: Any = spec.loader
        loader.exec_module = execute_then_install
        return spec


if os.environ.get("AUTOTUNE_JOB"):
    sys.meta_path.insert(0, _NeuronImport())
_run_the_next_sitecustomize()
