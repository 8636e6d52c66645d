"""The rows of `price.py`: models, what is asked of a study of each, and what it may cost.

Models are scaled down: a price in bare runs does not depend on how long a run is, as long as the search uses the same
share of it. `search.short_s` is set so that this share is that of the long run which a row stands for.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
RING, BALANCED = ROOT / "studies/ring/ring.py", ROOT / "studies/balanced/balanced.py"
SMALL, SLEEPS = ROOT / "tests/models/small_ring.py", ROOT / "tests/models/sleeps_less.py"
NETPYNE = ROOT / "tests/matrix/models/netpyne_network.py"
EXACT_KNOBS = ("nspike", "gid_compress", "step_wait", "multisend", "bin_queue", "cache_efficient", "node_order")
EXCHANGE = ("nspike", "gid_compress", "step_wait")  # of a network that hardly exchanges: nothing can be gained

Unit = Literal["cold loops", "bare runs", "bare runs of proof"]


@dataclass(frozen=True)
class Row:
    """One study: its model, its settings, and the most that it may cost."""

    name: str
    what: str
    most: float
    unit: Unit
    model: Path
    words: tuple[str, ...]
    """Of the model, behind its file."""
    ranks: int = 2
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Tables of study.toml beside the defaults."""
    setup_s: float = 0.0
    """For which the model sleeps before it builds its network."""

    def study(self, folder: Path, programs: Path | None = None) -> dict[str, Any]:
        """What stands in its study.toml; the model is copied to `folder`. `programs`: where the python and nrniv are
        that run it, in place of this environment's.
        """
        folder.mkdir(parents=True)
        shutil.copy(self.model, folder)
        name = self.model.name
        if self.setup_s:
            name = "slow_setup.py"
            runs = f"runpy.run_path({self.model.name!r}, run_name='__main__')"
            (folder / name).write_text(f"import runpy, time\ntime.sleep({self.setup_s})\n{runs}\n")
        python = [sys.executable]
        if self.model == NETPYNE:  # NetPyNE takes NEURON as it finds it
            python = [str(programs / "nrniv") if programs else "nrniv", "-mpi", "-python"]
        launcher = ["mpiexec", "-n", str(self.ranks)] if self.ranks > 1 else []
        command = [*launcher, *python, name, *self.words]
        return {"name": self.name, "command": command, "folder": folder, **self.settings}


ROWS = (
    Row(
        "ring", "512 cells, 2 s a run, seven exact knobs", 1.2, "cold loops",
        SMALL, ("--cells", "512", "--tstop", "400"), settings={"search": {"knobs": EXACT_KNOBS}},
    ),
    Row(
        "setup", "3 s of set-up, a short run", 0.5, "cold loops",
        SMALL, ("--cells", "64", "--tstop", "200"), settings={"search": {"knobs": EXACT_KNOBS}}, setup_s=3.0,
    ),
    Row(
        "netpyne", "the NetPyNE network of the tests, seven exact knobs", 0.5, "cold loops",
        NETPYNE, (), settings={"search": {"knobs": EXACT_KNOBS}},
    ),
    Row("netpyne-default", "the same network, default options", 0.5, "cold loops", NETPYNE, ()),
    Row(
        "nothing", "nothing can be gained, exact knobs only", 15, "bare runs",
        SMALL, ("--cells", "256", "--delay", "10", "--tstop", "600"), settings={"search": {"knobs": EXCHANGE}},
    ),
    Row(
        "nothing-default", "nothing can be gained, default options", 25, "bare runs",
        SLEEPS, ("--tstop", "1000", "--naps", "200", "--saved", "0"), ranks=1,
    ),
    Row(
        "large", "regular, can be stopped early, a gain of 30 % or more, default options", 20, "bare runs",
        RING, ("--tstop", "3000"), settings={"search": {"short_s": 0.7}},
    ),
    Row(
        "small", "the same with a planted gain of 7 %", 35, "bare runs",
        SLEEPS, ("--tstop", "6000", "--naps", "1000", "--saved", "0.07"), ranks=1,
        settings={"search": {"short_s": 1.6, "knobs": ("bin_queue", "nspike", "cache_efficient")}},
    ),
    Row(
        "chaotic", "a chaotic network, default options", 45, "bare runs",
        BALANCED, ("--tstop", "6000"), settings={"search": {"short_s": 1.5}},
    ),
    Row(
        "part", "--claim part: what is proved on a part, and one whole run", 3, "bare runs of proof",
        RING, ("--tstop", "5000"), settings={"search": {"short_s": 2.0, "trials": 8}, "confirm": {"claim": "part"}},
    ),
    Row(
        "never", "does not replay, can be stopped early", 50, "bare runs",
        RING, ("--tstop", "2000"), settings={"search": {"short_s": 0.5}, "run": {"resident": "never"}},
    ),
)  # fmt: skip
