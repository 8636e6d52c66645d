"""How the agent gets into a Python process: this file stands first on PYTHONPATH and waits for NEURON to be imported.

It must print nothing (output at start-up breaks nrniv's search for Python) and must leave everything else as it found
it: another `sitecustomize` further down the path is run as if this one were not here.
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
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in others)), None)
        if spec is not None and spec.loader is not None:  # a script may look for neuron before it imports it
            self._install_after(spec.loader)
        return spec

    def _install_after(self, loader: Any) -> None:
        execute = loader.exec_module

        def execute_then_install(module: Any) -> None:
            del loader.exec_module
            sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
            execute(module)
            sys.path.insert(0, _HERE)  # the script may have made a sys.path of its own; install() takes it out again
            from autotune_agent import life

            life.install()

        loader.exec_module = execute_then_install


if os.environ.get("AUTOTUNE_JOB"):
    from autotune_agent import seen

    seen.watch(os.environ["AUTOTUNE_JOB"])
    sys.meta_path.insert(0, _NeuronImport())
_run_the_next_sitecustomize()
