"""The sweep's own comparing: what varies by itself is no change, and whatever a watched run leaves otherwise is one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODEL = """
import os, sys, tempfile, time
from neuron import h
h.load_file("stdrun.hoc")
soma = h.Section(name="soma")
soma.insert("hh")
clamp = h.IClamp(soma(0.5))
clamp.dur, clamp.amp = 1, 5
h.finitialize(-65)
h.continuerun(5)
os.makedirs("out", exist_ok=True)
with open("out/result.txt", "w") as file:
    print("process %d" % os.getpid(), "v = %.12g" % soma(0.5).v, file=file, sep="\\n")
print("it took %.9f s" % time.perf_counter())
watched = "AUTOTUNE_JOB" in os.environ
if NOTICES and watched:
    print("7 spikes")
    with open("out/result.txt", "a") as file:
        print("watched", file=file)
    open(tempfile.mkdtemp() + "/left", "w").close()
"""
LIST = """
[[models]]
name = "steady"
source = "models"
build = "mkdir built"
command = "{python} steady.py"
[[models]]
name = "notices"
source = "models"
command = "{python} notices.py"
"""


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("sweep")


def test_a_model_that_varies_by_itself_is_unchanged_and_one_that_notices_the_agent_is_changed(
    sweep: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    for name in ("steady", "notices"):
        (tmp_path / "models" / f"{name}.py").write_text(MODEL.replace("NOTICES", str(name == "notices")))
    (tmp_path / "list.toml").write_text(LIST.replace("{python}", sys.executable))
    models, results = sweep.read_list(tmp_path / "list.toml"), tmp_path / "results"
    sweep.sweep(models, results, tmp_path / "work", None, 30.0)
    notices, steady = sweep.read_results(results)
    assert (steady.state, steady.details) == ("unchanged", [])
    assert steady.varies == ["standard output", "model/out/result.txt"]
    assert "dt" in steady.searched.keys() | steady.left_out.keys()
    assert notices.state == "changed"
    assert [line.split(":")[0] for line in notices.details[:2]] == ["standard output", "model/out/result.txt"]
    assert notices.details[2].startswith("tmp/"), "what is left among the temporary files"
    assert "| notices |" in sweep.report([notices, steady])
    kept = (results / "steady-here.json").stat().st_mtime_ns
    sweep.sweep(models, results, tmp_path / "work", None, 30.0)
    assert (results / "steady-here.json").stat().st_mtime_ns == kept, "what is there is not run again"


@pytest.mark.parametrize(
    ("bare", "watched", "told"),
    [
        ([b"3 spikes\n"] * 2, b"3 spikes\n", ""),
        ([b"3 spikes\n"] * 2, b"4 spikes\n", "3 spikes → 4 spikes"),
        ([b"3 spikes\n1.2 s\n", b"3 spikes\n1.3 s\n"], b"3 spikes\n1.4 s\n", ""),
        ([b"3 spikes\n1.2 s\n", b"3 spikes\n1.3 s\n"], b"4 spikes\n1.4 s\n", "3 spikes → 4 spikes"),
        ([b"seed 1\n", b"seed 2\n"], b"no seed\n", "seed 1 → no seed"),
        ([b"a\n", b"a\nlate 1\n"], b"a\nlate 2\n", ""),
        ([b"a\n", b"a\nlate 1\n"], b"b\n", "a → b"),
        ([b"a\nb\nc\n", b"a\nc\nb\n"], b"b\na\nc\n", ""),
        ([b"a\nb\nc\n"] * 2, b"b\na\nc\n", "a | b → b | a"),
        ([b"1e-05 s\n", b"0.2   s\n"], b"3.5E+10    s\n", ""),
        ([b"a\n"] * 2, b"a\nwarning\n", "nothing → warning"),
        ([b"a\n"] * 2, b"", "a → nothing"),
        ([b"done\n"] * 2, b"\r 20%\r 70%\rdone\n", ""),
        ([b"done\n"] * 2, b"\r 20%\r 70%\n", "done →  70%"),
        ([b"\0\1", b"\0\2"], b"\0\3", ""),
        ([b"\0"] * 2, b"\0\3", "\0 → \0\3"),
        ([None] * 2, b"new", "removed → new"),
        ([b""] * 2, b"new", "nothing → new"),
        ([b"old"] * 2, None, "old → removed"),
    ],
)
def test_only_what_varies_among_the_bare_runs_may_vary(
    sweep: ModuleType, bare: list[bytes | None], watched: bytes | None, told: str
) -> None:
    def ending(content: bytes | None) -> object:
        return sweep.Ending("0", 1.0, b"", b"", {"file": content})

    found = sweep.differences([*map(ending, bare)], ending(watched))
    assert found == ([f"file: {told}"] if told else [])


def test_ranks_may_print_in_any_order(sweep: ModuleType) -> None:
    bare = [sweep.Ending("0", 1.0, b"rank 0\nrank 1\n", b"", {})] * 2
    watched = sweep.Ending("0", 1.0, b"rank 1\nrank 0\n", b"", {})
    assert sweep.differences(bare, watched)
    assert not sweep.differences(bare, watched, in_order=False)


def test_times_may_sort_the_lines_of_ranks_otherwise(sweep: ModuleType) -> None:
    def ending(*lines: bytes) -> object:
        return sweep.Ending("0", 1.0, b"\n".join(lines), b"", {})

    bare = [ending(b"0.01 built", b"0.02 ran"), ending(b"0.03 built", b"0.04 ran")]
    assert not sweep.differences(bare, ending(b"0.06 built", b"0.05 ran"), in_order=False)
    assert sweep.differences(bare, ending(b"0.06 built", b"0.05 failed"), in_order=False)
    bare = [ending(b"3", b"0.5"), ending(b"3", b"7.5")]
    assert not sweep.differences(bare, ending(b"0.4", b"3"), in_order=False)
    assert sweep.differences(bare, ending(b"0.4", b"4"), in_order=False)


def test_lines_that_tell_the_clock_differ_in_more_than_numbers_only(sweep: ModuleType) -> None:
    def ending(text: bytes) -> object:
        return sweep.Ending("0", 1.0, text, b"", {})

    bare = [ending(b"run took 0.01 s\n3 spikes\n")] * 2
    assert sweep.differences(bare, ending(b"run took 0.02 s\n3 spikes\n"))
    assert not sweep.differences(bare, ending(b"run took 0.02 s\n3 spikes\n"), clock="took")
    assert sweep.differences(bare, ending(b"run took 0.02 s\n4 spikes\n"), clock="took")
    assert not sweep.differences(bare, ending(b"\r#  took 1 s\r## took 2 s\rrun took 0.02 s\n3 spikes\n"), clock="took")
    assert sweep.differences(bare, ending(b"run took long\n3 spikes\n"), clock="took")


def test_files_with_a_date_in_their_name_are_compared_by_the_rest_of_it(sweep: ModuleType) -> None:
    def ending(name: str, text: bytes) -> object:
        return sweep.Ending("0", 1.0, b"", b"", {name: text, "out.txt": b""})

    bare = [ending("run-12:01.txt", b"same"), ending("run-12:02.txt", b"same")]
    assert not sweep.differences(bare, ending("run-12:03.txt", b"same"))
    assert sweep.differences(bare, ending("run-12:03.txt", b"other"))
    assert sweep.differences(bare, ending("left-12:03.txt", b"same"))
