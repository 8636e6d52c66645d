"""Secrets of the environment, which must not reach a record, a report or the screen.

A model may print what it likes, its own environment too; what the tuner keeps or shows of that passes through here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

NAME = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|COOKIE|WEBHOOK|PRIVATE|APIKEY|(?:^|_)(?:KEY|PASS|PWD|AUTH|DSN)(?:$|_)",
    re.IGNORECASE,
)
FOLDERS = ("PWD", "OLDPWD")  # of the shell
SHORTEST = 8
"""Characters of a value; a shorter one stands in many words by chance."""
MASK = "***"
# What would steer a terminal: all control characters but tab and newline, and the marks that turn text around.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that hold a secret, by their names, the longest value first."""
    found = {
        name: value
        for name, value in environment.items()
        if NAME.search(name) and name not in FOLDERS and len(value) >= SHORTEST and not os.path.exists(value)
    }
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def without_secrets(text: str) -> str:
    """The same with the value of every secret of this process's environment masked, also where JSON has escaped it."""
    for value in secrets_of(os.environ).values():
        for form in {value, json.dumps(value)[1:-1]}:
            text = text.replace(form, MASK)
    return text


def as_shown(text: str) -> str:
    """What a program has printed, as it may be shown and kept: without secrets and without control characters."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", without_secrets(text.replace("\r\n", "\n")))
