"""The address of a storage as it may be written down: without its password.

Everybody who is given a study folder reads its records. Must never be used to open a storage that needs the password.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

MASK = "***"
PASSWORDS = ("password", "passwd", "pwd", "sslpassword")  # of drivers, after the `?`
INSTEAD = "Put it into ~/.pgpass, or into the environment as PGPASSWORD: nothing of the tuner writes these down."


def without_password(url: str | None) -> str | None:
    """The same address for records and messages; of one that cannot be read, its first word."""
    if url is None or "://" not in url:
        return url
    parsed = _parsed(url)
    if parsed is None:
        return url.partition("://")[0] + "://…"
    if not any(_of(parsed)):
        return url
    bare = URL.create(parsed.drivername, parsed.username, None, parsed.host, parsed.port, parsed.database)
    rest: Mapping[str, str | tuple[str, ...]] = {
        name: value for name, value in parsed.query.items() if name.lower() not in PASSWORDS
    }
    return bare.set(query=rest).render_as_string(hide_password=False)


def has_password(url: str | None) -> bool:
    """Whether somebody who reads it could log in."""
    parsed = _parsed(url)
    return parsed is not None and any(_of(parsed))


def masked(text: str, url: str) -> str:
    """What a driver says of this address, without the password."""
    parsed = _parsed(url)
    for word in _of(parsed) if parsed else ():
        for form in {word, quote(word), quote_plus(word)}:
            text = text.replace(form, MASK)
    return text


def _parsed(url: str | None) -> URL | None:
    if url is None or "://" not in url:
        return None
    try:
        return make_url(url)
    except (SQLAlchemyError, ValueError):
        return None


def _of(url: URL) -> Iterator[str]:
    """The passwords in it."""
    if url.password:
        yield str(url.password)
    for name, value in url.query.items():
        if name.lower() in PASSWORDS:
            yield from filter(None, (value,) if isinstance(value, str) else value)
