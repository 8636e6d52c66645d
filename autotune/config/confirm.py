"""[confirm] and [noise]: how much proof, and what this machine can show."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from autotune.config.section import Section
from autotune.measure import FEWEST_STARTS, Rule


class ConfirmConfig(Section):
    """How the finalists meet the baseline once more, in fresh processes."""

    pairs: int | None = Field(
        default=None,
        ge=FEWEST_STARTS,
        description="the most fresh starts for each finalist, in place of most_pairs; the proof ends as soon as it can",
    )
    most_pairs: int = Field(
        default=16,
        ge=FEWEST_STARTS,
        description="the most fresh starts of the model for each finalist; each gives one pair of runs or more",
    )
    wanted_gain: float | None = Field(
        default=None,
        gt=0,
        description="the gain that this machine should be able to show; without it 0.03 above minimum_gain",
    )
    claim: Literal["whole", "part"] = Field(
        default="whole",
        description="what the proof times: the whole run, or the part that the search uses; then the winner makes one "
        "whole run for its result, and the answer says on which part its time was proved",
    )
    finalists: int = Field(
        default=3,
        ge=1,
        description="how many of the best trials may be confirmed, one after the other until one is proved",
    )
    alpha: float = Field(
        default=0.01, gt=0, lt=0.5, description="family-wise error rate of the test that proves a gain"
    )
    minimum_gain: float = Field(
        default=0.02, ge=0, lt=1, description="smallest gain that is worth a change: 0.02 is 2 % faster"
    )
    confidence: float = Field(default=0.95, gt=0, lt=1, description="confidence level of the interval of a speed-up")

    @property
    def gain_to_show(self) -> float:
        """The gain that this machine should be able to show."""
        return self.minimum_gain + 0.03 if self.wanted_gain is None else self.wanted_gain

    @property
    def most(self) -> int:
        """The most starts of a finalist."""
        return self.pairs or self.most_pairs

    def rule(self, floor: float, alpha: float | None = None) -> Rule:
        """The rule of the proof; `floor`: the spread of this machine's A/A pairs."""
        return Rule(
            self.alpha if alpha is None else alpha,
            self.minimum_gain,
            self.confidence,
            self.most,
            floor,
        )

    @model_validator(mode="after")
    def _enough(self) -> ConfirmConfig:
        if self.wanted_gain is not None and self.wanted_gain <= self.minimum_gain:
            raise ValueError(f"a wanted_gain of {self.wanted_gain:g} must be above minimum_gain, {self.minimum_gain:g}")
        return self


class NoiseConfig(Section):
    """How the noise of this machine is measured before the search."""

    runs: int = Field(default=6, ge=4, description="baseline runs in a row that are timed against each other")
