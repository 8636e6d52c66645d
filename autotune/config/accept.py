"""[accept]: what must stay as it was, and how closely."""

from __future__ import annotations

import math

from pydantic import Field, field_validator

from autotune.agent.protocol import Sampling
from autotune.config.section import Section, none_below_zero


class FilesConfig(Section):
    """Which of the files that your model writes are compared, and how closely; the defaults need no table. A file is
    named by a glob, relative to the command's folder or by its name alone, a variable of it (a column, a dataset, a
    key) behind a colon.
    """

    ignore: tuple[str, ...] = Field(default=(), description="globs of files that are not compared")
    required: tuple[str, ...] = Field(
        default=(),
        description="globs of files that must be compared: a trial is rejected where one cannot be read and its bytes "
        "are others",
    )
    tolerances: dict[str, float] = Field(
        default_factory=dict,
        description="the largest difference of a number that is accepted, in the unit of the file, in place of the "
        'model\'s own error: tolerances = {"lfp.npy" = 1e-3, "*.csv:v" = 0.1}',
    )

    keep_winner: bool = Field(
        default=False,
        description="whether the files of one more run with the best settings are kept, in winner/ of the study folder",
    )

    @field_validator("tolerances")
    @classmethod
    def _positive(cls, tolerances: dict[str, float]) -> dict[str, float]:
        return none_below_zero(tolerances)


class TracesConfig(Section):
    """When a recorded trace is still the same result, and where spikes are looked for if NEURON looks for none. A trace
    is named by its variable, as soma(0.5).v or Cell[2].dend(0.5).cai, or by its Vector's own label; a glob, in which
    brackets stand for themselves.
    """

    ignore: tuple[str, ...] = Field(default=(), description="globs of traces that are not compared")
    tolerances: dict[str, float] = Field(
        default_factory=dict,
        description="the largest difference of a value that is accepted, in the unit of the trace, in place of the "
        'model\'s own error: tolerances = {"soma(0.5).v" = 0.5, "*.cai" = 1e-6}',
    )
    floor: float = Field(
        default=0.001,
        gt=0,
        description="a root mean square error of so large a share of a trace's range is always small enough; ten times "
        "that for its largest difference",
    )
    largest: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="under numerical knobs no value may be further from your own run, spikes aside, than this share of "
        "the trace's range",
    )
    threshold_mv: float = Field(
        default=Sampling.threshold_mv,
        description="a voltage that rises to so many mV is a spike, in a model in which NEURON looks for none",
    )
    most_values: int = Field(
        default=25_000_000,
        ge=0,
        description="as many of the vectors that a rank records are compared as hold so many values at dt/4; 0: none",
    )

    @field_validator("tolerances")
    @classmethod
    def _positive(cls, tolerances: dict[str, float]) -> dict[str, float]:
        return none_below_zero(tolerances)


class AcceptConfig(Section):
    """When a changed raster is still the same result; the reasons are in docs/explanation/same-spikes.md."""

    window_ms: float = Field(
        default=1.0, gt=0, description="a spike that numerical knobs shift by at most so many ms is the same spike"
    )
    unmatched: float = Field(
        default=0.0, ge=0, lt=1, description="share of the spikes that may lack their partner under numerical knobs"
    )
    error_factor: float = Field(
        default=4.0,
        ge=1,
        description="numerical knobs may have so many times the error of your own dt, both measured against dt/4",
    )
    floor_ms: float = Field(
        default=0.1, ge=0, description="an error of numerical knobs of so many ms is always small enough"
    )
    tail: float = Field(
        default=2.0,
        ge=0,
        description="under numerical knobs the last spike of a cell may lack its partner if it lies nearer to the "
        "end of the run than so many times the largest shift",
    )
    least_order: float = Field(
        default=0.5,
        description="a warning is given when halving your dt lowers its error with an order of convergence below this",
    )
    horizon: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="in a chaotic network numerical knobs must follow the run at dt/4 for this share of the time "
        "for which your own dt does",
    )
    round_off_horizon: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="in a chaotic network round-off knobs must follow the baseline for this share of the time for "
        "which a perturbed run does",
    )
    chaos: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="two runs count as parted, and a network as chaotic, from this share of spikes without a "
        "partner on",
    )
    perturb_mv: float = Field(
        default=1e-10,
        gt=0,
        description="the perturbation of all voltages, in mV, beyond whose effect round-off knobs may not go",
    )
    null_mv: float = Field(
        default=0.1,
        gt=0,
        description="the perturbation of all voltages, in mV, that draws the null runs of a chaotic network",
    )
    null_runs: int = Field(default=7, ge=3, description="number of null runs of a chaotic network beside the baseline")
    alpha: float = Field(
        default=0.01, gt=0, lt=0.5, description="chance that a chaotic network fails its own statistics"
    )
    tolerance: float = Field(
        default=0.02,
        ge=0,
        lt=1,
        description="relative change of a statistic of a chaotic network that is always allowed",
    )
    groups: int = Field(
        default=8,
        ge=1,
        description="a chaotic network is cut into so many groups of cells, and spans of time, each with a rate "
        "of its own",
    )
    bin_ms: float = Field(
        default=5.0,
        gt=0,
        description="spikes of a chaotic network are counted in bins of so many ms before they are correlated",
    )
    least_spikes: int = Field(
        default=200, ge=1, description="a chaotic network with fewer spikes than this makes no statistics"
    )
    resolution: float = Field(
        default=0.1,
        gt=0,
        description="a chaotic network whose rate varies by a larger share between null runs makes no statistics",
    )
    evidence_spikes: int = Field(
        default=20, ge=1, description="numerical knobs are searched where your own run has at least so many spikes"
    )
    evidence_until: float = Field(
        default=0.75,
        ge=0,
        le=1,
        description="numerical knobs are searched where your own run has a spike after this share of its time",
    )
    evidence_cells: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="numerical knobs are searched where at least this share of the cells fired, and two of several; "
        "0: one is enough",
    )
    statistical: bool = Field(
        default=False,
        description="judge a model that does not reproduce itself by its statistics alone; false: refuse it",
    )
    lowest_mv: float = Field(
        default=-250.0, description="a voltage below so many mV is unstable, unless your own run goes as low"
    )
    highest_mv: float = Field(
        default=250.0, description="a voltage above so many mV is unstable, unless your own run goes as high"
    )
    range_margin: float = Field(
        default=0.1,
        ge=0,
        description="where your own run leaves the range of voltages, a trial may go further by this share of "
        "your run's range",
    )
    ringing_steps: int = Field(
        default=Sampling.ringing_steps,
        ge=2,
        description="a voltage whose slope changes its sign at more than so many steps in a row rings, which is "
        "unstable",
    )
    ringing_mv: float = Field(
        default=0.05,
        ge=0,
        description="a voltage that alternates by less than so many mV from step to step does not ring",
    )
    ringing_factor: float = Field(
        default=2.0, ge=1, description="where your own run rings, a trial may ring so many times as far"
    )
    sampled_segments: int = Field(
        default=Sampling.most, ge=1, description="the most segments of a rank whose voltages are sampled"
    )
    least_segments: int = Field(
        default=Sampling.least, ge=1, description="the fewest segments of a rank whose voltages are sampled"
    )
    segments_a_sample: int = Field(
        default=Sampling.segments_a_sample,
        ge=1,
        description="one of so many segments of a rank has its voltage sampled, within the fewest and the most",
    )
    files: FilesConfig = Field(
        default=FilesConfig(), description="a table of its own, on the files that your model writes"
    )

    traces: TracesConfig = TracesConfig()

    @property
    def sampling(self) -> Sampling:
        """What the agent must know of this."""
        return Sampling(
            self.sampled_segments,
            self.least_segments,
            self.segments_a_sample,
            self.ringing_steps,
            self.traces.threshold_mv,
        )

    def cells_wanted(self, cells: int) -> int:
        """How many of so many cells must show something; one of several says nothing of the others."""
        share = self.evidence_cells
        return max(math.ceil(share * cells), min(2, cells)) if share > 0 else 0
