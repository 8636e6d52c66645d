"""What runs of the user's own settings say, as the study keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from autotune.verify.references import Regime


@dataclass(frozen=True)
class Calibration:
    """What runs of the user's own settings say."""

    RECORD: ClassVar[str] = "calibration"

    repeat_run_s: float
    """The run section of the second baseline run, seconds."""
    regime: Regime = "regular"
    """How rasters of this model can be compared: spike by spike, after a while by statistics only, or by statistics
    only.
    """
    why: str = "two runs of your own settings give the same spikes"
    """The regime in words."""
    half_dt_distance: float | None = None
    """Raster distance between the user's dt and half of it; None when no numerical knob is searched."""
    half_dt_shift_ms: float | None = None
    """The largest shift of a matched spike between the two: the error that the user already lives with."""
    own_error_ms: float | None = None
    """Error of the user's dt against dt/4, or of a variable step against a tenth of its tolerance (Ruler.error_ms): the
    yardstick of numerical knobs.
    """
    in_range: bool = True
    """The finest run says of the user's own error what one in between says, or matches its spikes."""
    order: float | None = None
    """Order of convergence from dt, dt/2 and dt/4; 1 is expected of the default method."""
    runs: tuple[str, ...] = ()
    """The rasters that were kept, rasters/<name>.npz."""
    note: str = ""
    dt_is_fixed: bool = False
    """The model sets its own dt after finitialize, so that no other can be tried."""
    left_out: dict[str, str] = field(default_factory=dict)
    """Knobs that cannot be searched as it turned out, with the reason."""
    only: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Knobs of which only these values can be searched, for the reason in `note`."""
    finer_until_ms: float | None = None
    """Where the runs at dt/2 and dt/4, or at a tighter tolerance, end; None where they were made of the whole run."""
    unproved: str = ""
    """Why no change of the numbers can be judged, as it turned out."""
