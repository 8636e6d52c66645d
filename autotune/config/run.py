"""[run] and [cluster]: how and where the command is run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from autotune.config.section import Section

Workspace = Literal["auto", "overlay", "library", "put back", "copy", "in place"]


class RunConfig(Section):
    """How the user's command is run."""

    timeout_s: float = Field(
        default=86400.0,
        gt=0,
        description="time limit in seconds of the watched run; every later run has the shorter of it and ten "
        "times the watched run plus a minute",
    )
    end_grace_s: float = Field(
        default=60.0, gt=0, description="how many seconds the other ranks may go on after the first rank has ended"
    )
    workspace: Workspace = Field(
        default="auto",
        description="how your files are kept from trials: by an overlay over them, by a library in each process, or by "
        "being put back after each run; auto: by the first of these that works here; or by a scratch copy of the "
        "command's folder; in place: not at all",
    )
    resident: Literal["auto", "never"] = Field(
        default="auto",
        description="auto: the runs of the search share built networks where the model replays bit for bit; "
        "never: each is a fresh process",
    )


class ClusterConfig(Section):
    """What your cluster needs beside the options of `submit`."""

    setup: tuple[str, ...] = Field(
        default=(), description='lines of the job script before the work begins: setup = ["module load openmpi"]'
    )
    options: tuple[Annotated[str, Field(pattern=r"^[^\r\n]*$")], ...] = Field(
        default=(), description='further options of the scheduler, one a line: options = ["--account=abc"]'
    )
    parallel_environment: str = Field(
        default="mpi", description="SGE's parallel environment, which places the ranks; qconf -spl lists them"
    )
