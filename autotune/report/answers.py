"""Requests to the dashboard that are answered here: the report, and the importances, for which optuna-dashboard would
guess from the trials instead of asking what was measured; and its page gets what makes it fit a narrow screen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from autotune.report.filling import REPORT, Filling

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# optuna-dashboard 0.21 puts two cards beside each other, some 700 px wide, and lets a long number leave its card.
NARROW = """<style>
.MuiCardContent-root { overflow-wrap: anywhere; }
@media (max-width: 760px) {
  main [class*="MuiGrid-grid-xs-"] { flex-basis: 100% !important; max-width: 100% !important; width: 100% !important; }
  main, main * { min-width: 0 !important; }
}
</style>"""
IMPORTANCES = re.compile(r"/api/studies/\d+/param_importances")


def answering(app: WSGIApplication, filling: Filling) -> WSGIApplication:
    """`app` behind these answers."""

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == REPORT and filling.report:
            return _send(environ, start_response, "text/html; charset=utf-8", filling.report)
        if IMPORTANCES.fullmatch(path):
            measured = json.dumps({"param_importances": [filling.importances]})
            return _send(environ, start_response, "application/json", measured)
        if path == "/dashboard" or path.startswith("/dashboard/"):
            return _narrow(app, environ, start_response)
        return app(environ, start_response)

    return answered


def _narrow(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Its page, whose style has ours behind it."""
    told: list[tuple[str, list[tuple[str, str]]]] = []

    def keep(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
        told.append((status, headers))
        return lambda data: None

    body = b"".join(app(environ, keep)).replace(b"</head>", NARROW.encode() + b"</head>", 1)
    status, headers = told[-1]
    others = [(name, value) for name, value in headers if name.lower() != "content-length"]
    start_response(status, [*others, ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _send(environ: WSGIEnvironment, start_response: StartResponse, kind: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
