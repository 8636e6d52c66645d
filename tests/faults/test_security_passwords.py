"""The password of a storage reaches no record, no log, no report and no script; the address without it does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autotune.cluster import Wishes, submit
from autotune.config import make_config
from autotune.errors import UsageError
from autotune.store.address import has_password, masked, without_password
from autotune.store.opening import open_storage

WORD = "correct-horse"
HELD = {
    f"postgresql://me:{WORD}@host:5432/studies": "postgresql://me@host:5432/studies",
    f"postgresql+psycopg://me:{WORD}@host/studies?sslmode=require": (
        "postgresql+psycopg://me@host/studies?sslmode=require"
    ),
    f"postgresql://host/studies?user=me&password={WORD}": "postgresql://host/studies?user=me",
    f"mysql://me:{WORD}@host/studies": "mysql://me@host/studies",
    f"postgresql://me:{WORD}@host:no-port/studies": "postgresql://…",
}
BARE = ("postgresql://me@host/studies", "sqlite:///a:b@c.db", "journal:///x/y.journal", "/x/a:b@c.journal", None)


@pytest.mark.parametrize("url", HELD)
def test_an_address_is_kept_without_it(url: str) -> None:
    assert without_password(url) == HELD[url]
    assert without_password(without_password(url)) == HELD[url]


@pytest.mark.parametrize("url", BARE)
def test_one_without_it_stays_as_it_is(url: str | None) -> None:
    assert not has_password(url)
    assert without_password(url) == url


def test_what_a_driver_says_is_masked_however_the_password_is_written() -> None:
    said = masked("no: p@ss word, p%40ss%20word, p%40ss+word", "postgresql://me:p%40ss%20word@host/studies")
    assert said == "no: ***, ***, ***"


def test_no_message_shows_it_and_each_says_where_to_put_it(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="no driver for PostgreSQL")
    with pytest.raises(UsageError, match=r"postgresql://me@127\.0\.0\.1:1/x") as caught:
        open_storage(tmp_path, f"postgresql://me:{WORD}@127.0.0.1:1/x")
    assert "~/.pgpass" in caught.value.cure
    assert WORD not in str(caught.value) + caught.value.details


def test_nothing_is_submitted_with_it(tmp_path: Path) -> None:
    config = make_config({"name": "ring", "command": ("python", "model.py"), "folder": tmp_path})
    with pytest.raises(UsageError, match="--storage holds a password") as caught:
        submit(config, tmp_path / "out", Wishes(2, scheduler="slurm"), f"postgresql://me:{WORD}@host/x", os.environ)
    assert "PGPASSWORD" in caught.value.cure
    assert not (tmp_path / "out").exists()
