"""What driver and agent say to each other comes through whole, or is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from autotune.agent.protocol import (
    Job,
    rank_files,
    read_message,
    to_json,
    write_atomically,
    write_text,
)


def test_a_job_comes_through_as_it_was_sent(tmp_path):
    job = Job(str(tmp_path), {"dt": 0.05, "nspike": 3, "gid_compress": True}, observe=True, voltages=8, clock=True)
    write_text(tmp_path / "job.json", to_json(job))
    assert read_message(str(tmp_path / "job.json")) == job


def test_a_job_of_another_protocol_is_refused(tmp_path):
    (tmp_path / "job.json").write_text('{"protocol": 999, "folder": "."}')
    with pytest.raises(ValueError, match="protocol 999, this agent speaks"):
        read_message(str(tmp_path / "job.json"))


def test_serial_copies_do_not_overwrite_each_others_files():
    assert len({name for pid in (1, 2) for name in rank_files("folder", 0, "host", pid)}) == 4


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path):
    file = tmp_path / "record.json"
    write_text(file, "old")

    def fails(stream):
        stream.write(b"half of the new one")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_atomically(file, fails)
    assert file.read_text() == "old"
    write_text(file, "new")
    assert file.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_a_writer_that_is_killed_leaves_the_old_file_whole_and_one_that_can_be_told_from_it(tmp_path, half_written):
    file = tmp_path / "record.json"
    write_text(file, "old")
    program = """
import os, signal, sys
from pathlib import Path
from autotune.agent.protocol import write_atomically

def die(stream):
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), die)
"""
    done = subprocess.run([sys.executable, "-c", program, str(file)], timeout=30)
    assert done.returncode == -signal.SIGKILL
    assert file.read_text() == "old"
    assert [path.read_text() for path in half_written(tmp_path)] == ["half"]


def test_a_file_has_the_rights_that_any_new_file_gets(tmp_path):
    write_text(tmp_path / "ours", "")
    (tmp_path / "usual").touch()
    assert os.stat(tmp_path / "ours").st_mode == os.stat(tmp_path / "usual").st_mode
