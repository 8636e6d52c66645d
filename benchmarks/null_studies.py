"""Is anything claimed where nothing can be gained? `python benchmarks/null_studies.py [--studies 60] [--load N]`.

Real studies of a real network on two ranks, in whose ten spike exchanges the knobs that are searched have nothing to
do. Every "improved" is false. `--load N` runs N processes beside it that come and go, as a machine in use has them. The
seed of each study differs, and with it what is tried when and which of two runs comes first.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from scipy import stats

from autotune.best import Best
from autotune.config import StudyConfig, make_config
from autotune.errors import AutotuneError
from autotune.pipeline import tune
from autotune.report.progress import Progress

MODEL = Path(__file__).resolve().parents[1] / "tests/models/small_ring.py"
KNOBS = ("nspike", "gid_compress")
BURST_S, PAUSE_S = (1.0, 20.0), (1.0, 20.0)


class Silent(Progress):
    """Shows nothing."""


def config_of(seed: int, folder: Path, trials: int) -> StudyConfig:
    """A study of this seed."""
    words = ["mpiexec", "-n", "2", sys.executable, str(MODEL), "--cells", "128", "--delay", "10", "--tstop", "100"]
    search = {"trials": trials, "knobs": KNOBS, "seed": seed}
    return make_config({"name": f"null-{seed}", "command": words, "folder": folder, "search": search})


def disturb(over: threading.Event, seed: int) -> None:
    """A process that computes for some seconds and rests for some, until it is over."""
    rng = random.Random(seed)
    while not over.is_set():
        seconds = rng.uniform(*BURST_S)
        ends = f"import time\nend = time.monotonic() + {seconds}\nwhile time.monotonic() < end: pass"
        with subprocess.Popen([sys.executable, "-c", ends]) as burst:  # ends by itself, should this be killed
            over.wait(seconds)
            burst.kill()
        over.wait(rng.uniform(*PAUSE_S))


def changed(best: Best) -> str:
    """What a claimed winner has set otherwise."""
    own = best.baseline_settings
    return " ".join(f"{name}={value}" for name, value in best.settings.items() if value != own[name])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--load", type=int, default=1, help="processes beside it that come and go")
    options = parser.parse_args()
    over, verdicts, began = threading.Event(), Counter[str](), time.monotonic()
    for number in range(options.load):
        threading.Thread(target=disturb, args=(over, number), daemon=True).start()
    for seed in range(options.studies):
        with tempfile.TemporaryDirectory(prefix="autotune-null-") as folder:
            config = config_of(seed, Path(folder), options.trials)
            try:
                best = tune(config, Path(folder) / "study", storage=None, fresh=False, progress=Silent())
            except AutotuneError as error:
                print(f"{seed}: failed: {error}\n{error.details}", flush=True)
                continue
        verdicts[best.verdict] += 1
        speed = best.speedup
        of = (
            f", {speed.estimate:.3f} ({speed.low:.3f} to {speed.high:.3f}), {changed(best)}"
            if best.evidence.trial
            else ""
        )
        print(f"{seed}: {best.verdict}{of}, {best.evidence.pairs} pairs", flush=True)
    over.set()
    false, all_ = verdicts["improved"], sum(verdicts.values())
    high = stats.binomtest(false, all_).proportion_ci().high
    minutes = (time.monotonic() - began) / 60
    print(f"{false} of {all_} studies called improved (at most {high:.1%}), in {minutes:.0f} min")


if __name__ == "__main__":
    main()
