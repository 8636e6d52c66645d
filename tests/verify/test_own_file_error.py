"""The error of the user's own dt is known of a file that gets a row a step, and of no file that counts steps."""

from __future__ import annotations

from autotune.agent.knobs import NUMERICAL
from autotune.config import AcceptConfig
from autotune.results.measure import Apart, Measured
from autotune.settings import Changes
from autotune.verify.files import FileJudge, OwnFiles

SECOND_ORDER = Changes({"secondorder": 2})


def off(by: float) -> Apart:
    return Apart("v", total=10 * by, largest=by, sum=by, power=by, size=70.0)


def verdict(own: OwnFiles, by: float) -> str:
    judge = FileJudge(own, AcceptConfig(), SECOND_ORDER, NUMERICAL)
    (found,) = judge.judged([Measured("v.csv", "differs", apart=(off(by),))])
    return found.state


def test_rows_of_the_same_steps_are_the_yardstick_where_a_finer_run_writes_more() -> None:
    own = OwnFiles(["v.csv"])
    rows = Apart("lines", "201 lines, in your run 101")
    own.learn([Measured("v.csv", "differs", apart=(rows,), thinned=(off(0.2),))], "half-dt")
    own.learn([Measured("v.csv", "differs", apart=(Apart("lines", "51 lines, in your run 101"),))], "longer-dt")
    assert verdict(own, 0.2) == "within"
    assert verdict(own, 2.0) == "different"


def test_a_file_that_counts_steps_holds_other_steps_at_a_finer_dt_and_is_no_yardstick() -> None:
    own = OwnFiles(["v.csv"])
    own.learn([Measured("v.csv", "differs", apart=(off(50.0),))], "half-dt")
    assert verdict(own, 5.0) == "within"
    own.learn([Measured("v.csv", "differs", apart=(Apart("v", "filled for half of its length"),))], "longer-dt")
    assert verdict(own, 5.0) == "different"
