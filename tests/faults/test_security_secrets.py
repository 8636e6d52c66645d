"""What the environment holds in confidence is in nothing that the tuner writes or prints, whatever the model prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from autotune.launch.secrets import MASK, as_shown, secrets_of, without_secrets

SECRETS = {
    "GITHUB_TOKEN": "ghp_0123456789abcdef",
    "AWS_SECRET_ACCESS_KEY": 'aws/"quoted"\\key',
    "DB_PASSWORD": "correct horse",
    "WANDB_API_KEY": "wandbwandbwandb",
}
TELLS = """
import os, sys
fails = len(sys.argv) > 1 and sys.argv.pop()
for name in %r:
    print(name, os.environ[name]); print("warning:", os.environ[name], file=sys.stderr)
if fails:
    raise RuntimeError("cannot log in with " + os.environ["DB_PASSWORD"])
exec(open("small_ring.py").read())
"""


def test_which_variables_are_secrets():
    other = {"PATH": "/usr/bin:/usr/sbin", "KEYBOARD": "a keyboard", "PWD": "/home/somebody", "SHORT_KEY": "abc"}
    path = {"SSL_KEY": __file__}
    assert secrets_of({**SECRETS, **other, **path}).keys() == SECRETS.keys()


def test_they_are_masked_also_where_json_has_escaped_them(monkeypatch: pytest.MonkeyPatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    said = "; ".join([*SECRETS.values(), 'aws/\\"quoted\\"\\\\key'])
    assert without_secrets(said) == "; ".join([MASK] * 5)


def test_nothing_that_was_printed_steers_a_terminal():
    assert as_shown("\x1b[31mred\x07 \u202etxt.exe\tand\r\nso on") == "�[31mred� �txt.exe\tand\nso on"


def test_no_file_and_no_line_has_one_in_a_folder_with_any_name(tmp_path: Path, make_study: Any, autotune: Any):
    study = make_study(
        tmp_path / "; touch x" / "a:b" / "line\nbreak" / 'it\'s "ü" $(touch y) `touch z`',
        f"{sys.executable} tells.py",
        "small_ring.py",
        search={"trials": 2, "knobs": ["bin_queue"]},
    )
    (study / "tells.py").write_text(TELLS % list(SECRETS))
    answer = autotune("run", ".", cwd=study, env=SECRETS)
    assert answer.code == 0, str(answer)
    assert [path.name for path in tmp_path.iterdir()] == ["; touch x"]
    assert sorted(path.name for path in study.iterdir()) == ["runs", "small_ring.py", "study.toml", "tells.py"]
    (out,) = (study / "runs").iterdir()
    assert json.loads((out / "study.json").read_text())["model"]["folder"] == str(study)
    printed = [answer, autotune("report", out, "-o", out / "r.html", cwd=study, env=SECRETS)]
    printed.append(autotune("plan", "--", sys.executable, "tells.py", "fails", cwd=study, env=SECRETS))
    assert printed[-1].code == 3
    assert f"cannot log in with {MASK}" in printed[-1].stderr
    held = autotune("run", "--", sys.executable, "tells.py", SECRETS["GITHUB_TOKEN"], cwd=study, env=SECRETS)
    assert held.code == 2
    assert "the command holds the value of $GITHUB_TOKEN" in held.stderr
    everything = [str(each).encode() for each in printed]
    everything += [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file.name != "tells.py"]
    assert len(everything) > 30
    for value in SECRETS.values():
        forms = (value.encode(), value.replace("\\", "\\\\").replace('"', '\\"').encode())
        assert not any(form in each for form in forms for each in everything), value
