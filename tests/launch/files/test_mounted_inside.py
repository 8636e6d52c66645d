"""What is mounted inside the user's folders: a disk for data, an AppImage, a container's volumes and files."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from user_home import Home

from autotune.launch.files import Files, overlay

SHELL = """
cat data/a.txt data/deeper/b.txt ../cfg.json; ls . .. data data/deeper; test -e data/new.txt && echo found
echo {word} > data/a.txt; echo {word} > data/new.txt; echo {word} > data/deeper/new.txt
echo {word} > beside.txt; echo {word} > ../above.txt; rm -f data/deeper/b.txt
mkdir -p data/deeper/made; echo {word} > data/deeper/made/c.txt
cat data/a.txt data/new.txt data/deeper/new.txt beside.txt ../above.txt; ls . .. data data/deeper
"""


def shell(word: str) -> list[str]:
    return ["sh", "-c", SHELL.format(word=word)]


@pytest.fixture(autouse=True)
def mounted(home: Home) -> Iterator[None]:
    """A disk at `data`, one in it, and a single file over cfg.json."""
    made: list[Path] = []

    def mount(place: Path, *words: str) -> None:
        if shutil.which("mount") is None or subprocess.run(["mount", *words, place], capture_output=True).returncode:
            pytest.skip("nothing may be mounted here")
        made.append(place)

    data = home.model / "data"
    try:
        mount(data, "-t", "tmpfs", "tmpfs")
        (data / "a.txt").write_text("a\n")
        (data / "deeper").mkdir()
        mount(data / "deeper", "-t", "tmpfs", "tmpfs")
        (data / "deeper" / "b.txt").write_text("b\n")
        (home.root / "other.json").write_text("other\n")
        mount(home.root / "cfg.json", "--bind", str(home.root / "other.json"))
        yield
    finally:
        for place in reversed(made):
            assert place.is_relative_to(home.root)
            subprocess.run(["umount", "-l", place], check=True)


def test_it_is_seen_and_kept_and_the_folders_around_it_can_be_written(home: Home, files: Files) -> None:
    first = home.watch(files, shell("watched"))
    assert first.startswith("a\nb\nother\n")
    assert first.count("watched") == 5
    written = home.tree()
    assert written["my model/data/deeper/new.txt"] == "watched\n"
    assert "my model/data/deeper/b.txt" not in written
    second = home.trial(files, shell("another"))
    assert second.replace("another", "watched") == first
    assert home.tree() == written
    assert {f"{home.model}/data/deeper/new.txt", f"{home.root}/above.txt"} <= set(files.store.written())


def test_without_rights_of_root_the_library_keeps_them(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_rights() -> None:
        drop, sys_admin = 24, 21
        assert ctypes.CDLL(None).prctl(drop, sys_admin, 0, 0, 0) == 0 or os.geteuid() != 0

    monkeypatch.setattr(overlay.subprocess, "run", partial(subprocess.run, preexec_fn=no_rights))
    files = home.files()
    assert files.refused["overlay"] == f"the kernel refuses it: {home.model} is not covered: something is mounted in it"
    assert files.means.name == "library"
