"""Requests to the dashboard that are answered here: the report, and the importances, for which optuna-dashboard would
guess from the trials instead of asking what was measured.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from autotune.report.filling import REPORT, Filling

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

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
        return app(environ, start_response)

    return answered


def _send(environ: WSGIEnvironment, start_response: StartResponse, kind: str, text: str) -> Iterable[bytes]:
    body = text.encode()
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
