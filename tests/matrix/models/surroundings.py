"""What a script sees of its surroundings, in JSON; it looks for neuron before it imports it, as some frameworks do."""

import importlib.util
import json
import os
import sys

assert importlib.util.find_spec("neuron")
from neuron import h  # noqa: E402

OURS = ("AUTOTUNE_JOB", "PYTHONPATH", "MPI_LIB_NRN_PATH", "MPI4PY_LIBMPI")
BY_LAUNCHER = ("OMPI_", "PMIX_", "PRTE_", "HWLOC_")
seen = {
    "argv": sys.argv,
    "cwd": os.getcwd(),
    "path": sys.path,
    "finders": [getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path],
    "neuron loader": sorted(vars(sys.modules["neuron"].__spec__.loader)),
    "environment": {k: v for k, v in os.environ.items() if k not in OURS and not k.startswith(BY_LAUNCHER)},
    "objects": [str(h.Vector()), str(h.ParallelContext()), str(h.CVode()), str(h.NetStim())],
}
print(json.dumps(seen, sort_keys=True), flush=True)
soma = h.Section(name="soma")
h.finitialize(-65)
h.continuerun(1) if hasattr(h, "continuerun") else h.fadvance()
