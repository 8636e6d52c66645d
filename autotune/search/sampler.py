"""Which of Optuna's samplers proposes the next settings, with every choice written down.

Must never rely on a default of Optuna's that has changed between versions (`multivariate`, `constant_liar`).
"""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

N_STARTUP = 10


def make_sampler(seed: int, n_startup: int = N_STARTUP, several: bool = False) -> BaseSampler:
    """A tree-structured Parzen estimator that reads constraints; the first `n_startup` trials are random.

    * `multivariate`: knobs act together (nspike with gid_compress), so they are proposed together.
    * `group`: a knob that exists only under another one (nspike only with compression) is learnt from the trials that
      have it; without it multivariate TPE proposes such a knob on its own.
    * `constant_liar` only where `several` trials run at a time: it keeps the next one away from those in progress.

    A trial with a violated constraint, COMPLETE or PRUNED, ranks behind every feasible one, by the size of its
    violation. Source: Watanabe, arXiv:2304.11127; constraints as described in `optuna.samplers.TPESampler`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # `group` is marked experimental
        return TPESampler(seed=seed, n_startup_trials=n_startup, multivariate=True, group=True, constant_liar=several)
