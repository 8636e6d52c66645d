"""optuna-dashboard on one study: for this machine only, read-only, and with the best *accepted* trial as the best.

optuna-dashboard has no authentication, lets anyone delete a study, and takes the lowest value for the best trial,
accepted or not. So its WSGI application stands behind a filter and reads a storage that cannot be written. Must never
change a study, nor answer a foreign host.
"""

from __future__ import annotations

import copy
import errno
import re
import socketserver
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from autotune.errors import UsageError
from autotune.measure import Confirmation
from autotune.report.answers import answering
from autotune.report.filling import Filling, fill, fill_unfinished
from autotune.report.html.studied import read_studied
from autotune.store.folder import StudyFolder
from autotune.store.optuna import best_accepted, is_feasible
from autotune.store.records import StudyRecord

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from optuna.study._frozen import FrozenStudy

LOCAL_ADDRESSES = ("127.0.0.1", "localhost")
LOCAL_HOST_HEADER = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
READING = ("GET", "HEAD")


def serve_dashboard(
    storage: BaseStorage,
    study_name: str,
    host: str = "127.0.0.1",
    port: int = 8080,
    say: Callable[[str], object] = print,
    records: StudyFolder | None = None,
) -> None:
    """Serves the dashboard of one study until Ctrl-C; `say` gets the address, port 0 takes a free port; `records` is
    the study folder, for all that the trials do not tell.

    Raises what `make_dashboard` raises.
    """
    with TemporaryDirectory(prefix="autotune-dashboard-") as name:
        files = Path(name)
        filling = _filled(records, files) if records else None
        server = make_dashboard(storage, study_name, host, port, filling, files)
        _serve(server, storage, study_name, say)


def _serve(server: WSGIServer, storage: BaseStorage, study_name: str, say: Callable[[str], object]) -> None:
    with server:
        say(f"{study_name}: {dashboard_url(server, storage, study_name)} (read-only; Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("Dashboard closed.")


def _filled(records: StudyFolder, files: Path) -> Filling:
    study = records.read(StudyRecord)
    if study is None or records.read(Confirmation) is None:
        return fill_unfinished()
    return fill(read_studied(records, study), files)


def make_dashboard(
    storage: BaseStorage,
    study_name: str,
    host: str = "127.0.0.1",
    port: int = 8080,
    filling: Filling | None = None,
    files: Path | None = None,
) -> WSGIServer:
    """A bound server that does not serve yet; `files` holds what `filling` offers to download.

    Raises UsageError for a study that is not there, an address that is not this machine's own, or a port that cannot be
    had.
    """
    from optuna_dashboard import wsgi  # takes a moment to import

    if host not in LOCAL_ADDRESSES:
        cure = "It has no password. To see it from elsewhere: ssh -L 8080:127.0.0.1:8080 THIS-MACHINE"
        raise UsageError(f"The dashboard is served on 127.0.0.1 only, not on {host}.", cure=cure)
    store = optuna.artifacts.FileSystemArtifactStore(files) if files else None
    app = wsgi(AcceptedView(storage, study_name, filling.attributes if filling else {}), artifact_store=store)
    app = only_local_reading(answering(app, filling) if filling else app)
    try:
        return make_server("127.0.0.1", port, app, server_class=_ThreadingServer, handler_class=_QuietHandler)
    except (OSError, OverflowError) as error:
        busy = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "is in use" if busy else f"cannot be opened ({error})"
        raise UsageError(
            f"Port {port} {reason}.", cure="Choose another one with --port, or --port 0 for a free one."
        ) from error


def dashboard_url(server: WSGIServer, storage: BaseStorage, study_name: str) -> str:
    """The address of the study's page."""
    return f"http://127.0.0.1:{server.server_port}/dashboard/studies/{storage.get_study_id_from_name(study_name)}"


def only_local_reading(app: WSGIApplication) -> WSGIApplication:
    """`app` behind a filter: 403 for a foreign Host header (DNS rebinding), 405 for all methods but GET and HEAD."""

    def filtered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not LOCAL_HOST_HEADER.fullmatch(environ.get("HTTP_HOST", "")):
            return _refuse(start_response, "403 Forbidden", "This dashboard answers on 127.0.0.1 and localhost only.")
        if environ["REQUEST_METHOD"] not in READING:
            return _refuse(
                start_response, "405 Method Not Allowed", "This dashboard is read-only.", ("Allow", ", ".join(READING))
            )
        return app(environ, start_response)

    return filtered


def _refuse(start_response: StartResponse, status: str, text: str, *headers: tuple[str, str]) -> Iterable[bytes]:
    body = f"{text}\n".encode()
    plain = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(status, [*plain, *headers])
    return [body]


class AcceptedView(BaseStorage):
    """One study of a storage as the dashboard is to see it: live, read-only, the best accepted trial as the best.

    A rejected trial keeps its value, parameters and attributes. Its violation is shown in the form that the dashboard's
    front end knows (a list under "constraints"), so that it is drawn grey as infeasible and left out of the best-value
    line. As long as no trial is accepted, rejected ones are shown as pruned, since the front end must be told a best
    trial if there is a complete one.
    """

    def __init__(self, storage: BaseStorage, study_name: str, attributes: Mapping[str, Any] | None = None) -> None:
        """`attributes` are shown with the study's own system attributes."""
        self._attributes = dict(attributes or {})
        self._storage = optuna.storages.get_storage(storage)  # a database's finished trials are cached
        try:
            self._study_id = self._storage.get_study_id_from_name(study_name)
        except KeyError:
            raise UsageError(
                f"There is no study {study_name!r} in this storage.",
                cure="Give the folder of one of its studies: python -m autotune dashboard DIR, or run it first.",
            ) from None

    def get_all_studies(self) -> list[FrozenStudy]:
        mine = [copy.copy(each) for each in self._storage.get_all_studies() if each._study_id == self._study_id]
        for study in mine:
            study.system_attrs = {**study.system_attrs, **self._attributes}
        return mine

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        self._check(study_id)
        trials = self._storage.get_all_trials(study_id, deepcopy=deepcopy)
        any_accepted = best_accepted(trials) is not None
        shown = [_shown(trial, any_accepted) for trial in trials]
        return [trial for trial in shown if states is None or trial.state in states]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        for trial in self.get_all_trials(self._study_id, deepcopy=False):
            if trial._trial_id == trial_id:
                return copy.deepcopy(trial)
        raise KeyError(trial_id)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        best = best_accepted(self.get_all_trials(study_id, deepcopy=False))
        if best is None:
            raise ValueError("No trial is accepted yet.")
        return best

    def get_study_id_from_name(self, study_name: str) -> int:
        study_id = self._storage.get_study_id_from_name(study_name)
        self._check(study_id)
        return study_id

    def get_study_name_from_id(self, study_id: int) -> str:
        self._check(study_id)
        return self._storage.get_study_name_from_id(study_id)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        self._check(study_id)
        return self._storage.get_study_directions(study_id)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        self._check(study_id)
        return self._storage.get_study_user_attrs(study_id)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        self._check(study_id)
        return {**self._storage.get_study_system_attrs(study_id), **self._attributes}

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> NoReturn:
        _read_only()

    def delete_study(self, study_id: int) -> NoReturn:
        _read_only()

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> NoReturn:
        _read_only()

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> NoReturn:
        _read_only()

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> NoReturn:
        _read_only()

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: Any
    ) -> NoReturn:
        _read_only()

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> NoReturn:
        _read_only()

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> NoReturn:
        _read_only()

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> NoReturn:
        _read_only()

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> NoReturn:
        _read_only()

    def _check(self, study_id: int) -> None:
        if study_id != self._study_id:
            raise KeyError(study_id)


def _read_only() -> NoReturn:
    raise PermissionError("The dashboard must not change a study.")


def _shown(trial: FrozenTrial, any_accepted: bool) -> FrozenTrial:
    """A copy of the trial with its constraints as a list, the only form that optuna-dashboard 0.21 reads."""
    shown = copy.copy(trial)
    others = {key: value for key, value in trial.system_attrs.items() if not key.startswith("constraints")}
    shown.system_attrs = {**others, "constraints": list(trial.constraints.values())}
    if trial.state == TrialState.COMPLETE and not is_feasible(trial) and not any_accepted:
        shown.state = TrialState.PRUNED
    return shown


class _ThreadingServer(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """A line a request would bury the address that was printed."""
