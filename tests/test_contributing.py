"""The worked examples of CONTRIBUTING.md do what they are said to do, in a copy of everything.

A first line says where the others belong: `# FILE` is a whole new file, or the end of one that is there, `# FILE, above
WORDS` the place before the line that begins so, and `# FILE, in NAME` the end of what is assigned to NAME.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = re.compile(r"^```python\n# ([\w/.]+)(?:, (above|in) ([^\n]+))?\n(.*?)^```", re.DOTALL | re.MULTILINE)
COPIED = ("benchmarks", "autotune", "tests", "docs", "pyproject.toml")


def put(text: str, where: str, words: str, example: str) -> str:
    """The text of a file with the example in it."""
    if not where:
        return f"{text}\n\n{example}" if text else example
    end = r"[^\n]*= [({]\n.*?^(?=[)}])" if where == "in" else ""
    place = re.search(rf"^{re.escape(words)}\b{end}", text, re.DOTALL | re.MULTILINE)
    assert place, f"{where} {words}"
    at = place.end() if where == "in" else place.start()
    gap = "\n\n" if where == "above" and "\ndef " in example else ""
    return text[:at] + example + gap + text[at:]


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which every example has been followed."""
    copy = tmp_path_factory.mktemp("walked")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    for file, where, words, example in EXAMPLE.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        path = copy / file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(put(text, where, words, example), encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["tests/matrix/test_knobs.py", "-k", "the_tables_of_hh"], "test_the_tables_of_hh"),
        (["tests/agent/test_knob_claims.py"], "test_no_knob_is_known_by_name"),
        (["tests/launch/test_launchers.py", "-m", "not mpi"], "[ALPS]"),
        (["tests/search/test_stop.py"], "[no_better]"),
    ],
    ids=["knob", "every knob", "launcher", "stop criterion"],
)
def test_an_example_passes_its_tests(walked: Path, kept: Path, words: list[str], named: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *words],
        cwd=walked,
        env={**os.environ, "PYTHONPATH": str(walked), "AUTOTUNE_TEST_ENVIRONMENTS": str(kept)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    passed = [line for line in done.stdout.splitlines() if " PASSED" in line]
    assert any(named in line for line in passed), done.stdout
