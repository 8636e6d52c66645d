"""The JSON that driver and agent exchange, and how a file is written so that it is whole or absent.

The driver names one message in the environment: a `Job`, for a process that makes one run, or a `Service`, for one that
makes many, each by a `Request`. For each run every rank answers with a `RankReport` (JSON) and its spikes (npz).
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

PROTOCOL = 2
JOB_VARIABLE = "AUTOTUNE_JOB"  # the path of the job file, in the environment of every rank
REPORT_PATTERN = "rank-*.json"


@dataclass(frozen=True)
class Sampling:
    """How the voltages of a rank are sampled, and what counts as ringing (agent/voltages.py)."""

    most: int = 8
    """Segments at most: recording one costs some 13 ns a step."""
    least: int = 2
    """Segments at least, also of a tiny model, where that costs more."""
    segments_a_sample: int = 128
    """In between, one of so many, whose integration costs 100 times as much, however simple they are."""
    ringing_steps: int = 20
    """A slope that changes sign at more steps in a row is ringing."""
    threshold_mv: float = -20.0
    """A voltage that rises to this has spiked, where NEURON itself looks for no spikes (agent/detection.py)."""


@dataclass(frozen=True)
class Job:
    """What one run is asked to do. An empty `settings` is the user's own model, watched."""

    folder: str
    """Where every rank writes its report and its spikes."""
    settings: Dict[str, Any] = field(default_factory=dict)
    """Knob name to value; only what differs from the user's own settings."""
    observe: bool = False
    """Learn what the model is (cells, gids, delays, exchange histogram), which costs set-up time."""
    voltages: int = 0
    """How many segments a rank samples at most to judge stability; 0: none."""
    sampling: Sampling = field(default_factory=Sampling)
    """How it does that."""
    shared: bool = False
    """Read spikes from the vectors that the model itself records: a watched run has shown that they hold them."""
    detect: Optional[bool] = None
    """Record the voltage of each cell; where NEURON looks for no spikes, they are found there. None: do so on a rank
    where it looks for none.
    """
    traces: int = 0
    """At most so many of the vectors that a rank records are written beside its spikes; 0: none."""
    clock: bool = False
    """Time the run section by a clock of ours, for models that do not use `pc.psolve`."""
    perturb_mv: float = 0.0
    """Every segment starts this much higher or lower, by a sign of its own."""
    perturb_seed: int = 0
    """Which segments start higher; another seed is another perturbation of the same size."""
    tighter: float = 0.0
    """The variable step is to keep to so small a part of the model's own tolerance (a divisor); 0: to all of it."""
    stop_ms: Optional[float] = None
    """End the run section early, at this t; for a search on a part of a long run."""
    apply_only: bool = False
    """A production run: set the settings and do nothing else (applying.py),"""
    spikes: str = ""
    """but for the run's spikes, of which every rank writes a part into this folder (writing.py); empty: none,"""
    vectors: Dict[str, str] = field(default_factory=dict)
    """and its recorded vectors: label to folder."""
    profile: bool = False
    """Tell where the time of the whole process goes (timeline.py)."""
    mechanism_times: bool = False
    """In a profile: the time of each mechanism, which costs two looks at the clock for each at every step."""
    protocol: int = PROTOCOL


@dataclass(frozen=True)
class Service:
    """What a process is asked to do that makes many runs: a session."""

    folder: str
    """Where its requests come, and where a rank that never came to serve says why."""
    at: int
    """It serves in the finitialize of this number, from 0, instead of running on (session.py)."""
    fork: bool = False
    """Each request is served by a copy of the process."""
    settings: Dict[str, Any] = field(default_factory=dict)
    """Of its start."""
    own: Dict[str, Any] = field(default_factory=dict)
    """The model's own settings, as far as a process that has not run yet cannot read them."""
    sampling: Sampling = field(default_factory=Sampling)
    """How voltages are sampled, in all of its runs."""
    shared: bool = False
    protocol: int = PROTOCOL

    @property
    def job(self) -> Job:
        """What it does until it serves."""
        return Job(self.folder, self.settings, sampling=self.sampling, shared=self.shared)


@dataclass(frozen=True)
class Again:
    """How a network that was built before is started again."""

    way: str
    """One of session.WAYS."""
    v_mv: Optional[float] = None
    """The argument of finitialize, for the way that needs one."""
    until_ms: float = 0.0
    """The t at which the watched run ended."""
    psolve: bool = True
    """The model integrates by `pc.psolve`."""


@dataclass(frozen=True)
class Request:
    """One run of a session."""

    job: Job
    again: Optional[Again] = None
    """None: in a copy of the process, which goes on with the user's script."""


@dataclass
class RunSection:
    """One pass from finitialize to the next finitialize or to the end of the process."""

    t_start_ms: float = 0.0
    t_stop_ms: float = 0.0
    job: Optional[int] = None
    """The number of the bulletin board's job in which it ran, if it did."""
    dt_ms: float = 0.0
    """The fixed step; with CVODE, the one that the model had before."""
    uniform_mv: Optional[float] = None
    """The voltage that finitialize gave to all segments; None where they differ, and in runs that do not observe."""
    spikes: int = 0
    shared: bool = False
    """In a run that observes: what the model itself records could be read from its own vectors as well."""
    queue_events: int = 0
    """Events that were put onto the queue (the first thread's)."""
    psolve_s: float = 0.0
    """Wall time inside `pc.psolve`: integration, transfer, exchange and dispatch."""
    step_s: float = 0.0
    """Integration and events (`pc.step_time`)."""
    wait_s: float = 0.0
    """Spike exchange with the barrier before it (`pc.wait_time`)."""
    step_wait_s: float = 0.0
    """The barrier alone (`pc.step_wait`)."""
    send_s: float = 0.0
    """Dispatch of arriving spikes (`pc.send_time`)."""
    transfer_s: float = 0.0
    """Transfer of gap junctions and split cells between ranks (`pc.vtransfer_time`)."""
    clock_s: Optional[float] = None
    """Wall time from the first step to the last, extrapolated to the whole section."""
    coreneuron: bool = False
    """It was integrated by CoreNEURON, which psolve alone can call; NEURON's timers stand still then."""
    until_next_s: float = 0.0
    """Wall time from the end of finitialize to whatever closed this section."""

    @property
    def integrated(self) -> bool:
        """Whether NEURON took a step in it."""
        return abs(self.t_stop_ms - self.t_start_ms) > 1e-9 or self.psolve_s > 0.0 or self.spikes > 0


@dataclass
class RankReport:
    """What one rank says of one run. A run is judged by these, never by an exit code (Open MPI's lies in both
    directions).
    """

    rank: int = 0
    """In the world of all ranks (`pc.id_world`),"""
    nhost: int = 1
    """of so many (`pc.nhost_world`)."""
    subrank: int = 0
    """Among the ranks that simulate one network together (`pc.id`); the same as `rank` without subworlds,"""
    subsize: int = 1
    """of so many (`pc.nhost`)."""
    host: str = ""
    pid: int = 0
    ancestors: List[int] = field(default_factory=list)
    """The processes that this one descends from: a helper that a rank starts is no rank."""
    python: str = ""
    executable: str = ""
    neuron: str = ""
    library: str = ""
    """The MPI library that is loaded in this process, if any."""
    t_ms: float = 0.0
    dt_ms: float = 0.0
    tstop_ms: Optional[float] = None
    cvode: bool = False
    rounding: Optional[int] = None
    """How the processor rounded at the end of the run (floating_point.py)."""
    sections: List[RunSection] = field(default_factory=list)
    detectors: int = 0
    """Sources on this rank at which NEURON looks for spikes."""
    spots: int = 0
    """Where none is: places at whose voltage the agent has looked for them (detection.py),"""
    spots_are: str = ""
    """and what these are, in words."""
    effective: Dict[str, Any] = field(default_factory=dict)
    """What each knob reads back after the run's last finitialize."""
    model: Dict[str, Any] = field(default_factory=dict)
    """What probe.py learned; empty unless asked for."""
    voltage: Dict[str, Any] = field(default_factory=dict)
    beside: Dict[str, Any] = field(default_factory=dict)
    """What the run did beside spikes (beside.py); empty in a watched run and in sessions."""
    profile: Dict[str, Any] = field(default_factory=dict)
    """Where the time of the process went (timeline.py); empty unless asked for."""
    perturbed: int = 0
    """How many segments the last finitialize started higher or lower (`Job.perturb_mv`)."""
    tightened: bool = False
    """Each pass that took steps kept to the tighter tolerance to its end (`Job.tighter`)."""
    histogram: List[int] = field(default_factory=list)
    """Entry n counts the exchanges in which the busiest rank sent n spikes; rank 0 only."""
    spikes: int = 0
    setup_s: float = 0.0
    """Wall time from the interpreter's start to the first finitialize."""
    cpu_s: float = 0.0
    interrupted: int = 0
    """How often the kernel took the core from this rank meanwhile (involuntary context switches)."""
    booked_s: Dict[str, float] = field(default_factory=dict)
    """What it has booked meanwhile on all cores of this node (books.py)."""
    signal: str = ""
    """The signal that ended this rank: its launcher's, when another rank ended without MPI_Finalize."""
    exception: str = ""
    """An exception that ended the user's program, in one line."""
    survived: str = ""
    """An exception that was printed while the model went on, in one line: hoc's `nrnpython` returns 0 and goes on."""
    output_gids: int = 0
    """Gids of this rank whose spikes are sent to other ranks."""
    errors: List[str] = field(default_factory=list)
    """What went wrong inside the agent; a run with any of these proves nothing."""
    protocol: int = PROTOCOL

    @property
    def simulated(self) -> bool:
        """Whether this rank took a step."""
        return any(section.integrated for section in self.sections)


def to_json(message: Any) -> str:
    """The text of a message or a report."""
    return json.dumps(asdict(message), default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError("%r is not JSON" % (value,))


def read_message(path: str) -> Union[Job, Service]:
    """What the driver left at `path`; raises ValueError when it is of another protocol."""
    data = json.loads(Path(path).read_text())
    message: Union[Job, Service] = _made(Service if "at" in data else Job, data)
    return message


def read_request(path: str) -> Request:
    """The request at `path`; raises ValueError when it is of another protocol."""
    data = json.loads(Path(path).read_text())
    return Request(_made(Job, data["job"]), Again(**data["again"]) if data["again"] else None)


def _made(kind: Any, data: Dict[str, Any]) -> Any:
    if data.get("protocol") != PROTOCOL:
        raise ValueError("a message of protocol %r, this agent speaks %d" % (data.get("protocol"), PROTOCOL))
    return kind(**dict(data, sampling=Sampling(**data["sampling"])))


def rank_files(folder: str, rank: int, host: str, pid: int) -> Tuple[Path, Path]:
    """Report and spike file of one rank. Host and pid are in the name, so that serial copies do not overwrite each
    other.
    """
    stem = "rank-%06d-%s-%d" % (rank, host, pid)
    return Path(folder, stem + ".json"), Path(folder, stem + ".npz")


def trace_file(report: Path) -> Path:
    """Where the rank that wrote this report has left what it recorded, if it was asked to."""
    return report.with_suffix(".traces")


def request_file(session: str, number: int) -> Path:
    """Where the driver leaves request `number` of a session."""
    return Path(session, "request-%06d.json" % number)


def ended_file(folder: str) -> Path:
    """What the parent of a forked trial leaves in its folder: the trial's exit status."""
    return Path(folder, "ended.json")


def write_atomically(path: Path, write: Callable[[Any], None], lasting: bool = True) -> None:
    """Let `write` fill a binary file that appears at `path` whole or not at all (write, fsync, rename). What is not
    `lasting` may be lost with the machine's power, and does not wait for the disk.
    """
    handle, temporary = tempfile.mkstemp(dir=str(path.parent), prefix=".%s." % path.name)
    try:
        with os.fdopen(handle, "w+b") as file:
            write(file)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # as any other new file; mkstemp keeps it private
        os.replace(temporary, str(path))
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str, lasting: bool = True) -> None:
    """Write `text` at `path`, whole or not at all."""
    write_atomically(path, lambda file: file.write(text.encode()), lasting)
