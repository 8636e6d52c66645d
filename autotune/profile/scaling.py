"""How a model's run section scales with ranks or threads, from runs, and what more of them would bring, by forecast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autotune.agent.knobs import THREADS
from autotune.launch.ask import Ask
from autotune.launch.run import FreshRunner
from autotune.launch.setup_watch import SetUpWatch
from autotune.profile.profile import profile_of
from autotune.settings import changing


@dataclass(frozen=True)
class Point:
    """One run."""

    number: int
    """Of ranks, or of threads a rank."""
    run_s: float
    wall_s: float
    balance: float | None
    peak_mb: float
    """All ranks together."""
    over: bool
    """It used more than there are cores."""


@dataclass(frozen=True)
class Scaling:
    """Runs with other numbers of ranks or threads, ascending; the first is what the others are compared with."""

    by: str
    """The knob: ranks, or threads of each."""
    points: tuple[Point, ...]

    def speedup(self, point: Point) -> float:
        """Against the smallest number."""
        return self.points[0].run_s / point.run_s

    def efficiency(self, point: Point) -> float:
        """Speed-up over how many times as many."""
        return self.speedup(point) * self.points[0].number / point.number

    def serial_fraction(self, point: Point, *, balanced: bool = False) -> float | None:
        """What Karp and Flatt (1990) work out from one measured speed-up, or from what it would be with a perfect load
        balance; None of the smallest number itself.
        """
        times = point.number / self.points[0].number
        share = (point.balance or 1.0) if balanced else 1.0
        return (share / self.speedup(point) - 1 / times) / (1 - 1 / times) if times > 1 else None

    def no_forecast(self) -> str:
        """Why nothing can be forecast, in words. Amdahl's law knows no more of them that are slower."""
        within = [point for point in self.points if not point.over]
        if len(within) < 2:
            return "no forecast: it needs runs of two numbers without more than there are cores"
        largest, fastest = within[-1], min(within, key=lambda point: point.run_s)
        if largest is fastest:
            return ""
        return (
            f"no forecast: with {largest.number} {self.by} the run section took {largest.run_s:.3g} s, with "
            f"{fastest.number} {fastest.run_s:.3g} s: more of them are slower, and more still will hardly be faster"
        )

    def forecast(self, number: int) -> tuple[float, float, float] | None:
        """Seconds of the run section for a number that was not run: least, likely and most, by Amdahl's law with the
        smallest serial fraction if the load were balanced, the mean and the largest that was seen without more than
        there are cores; None where there is none such (`no_forecast`).
        """
        if self.no_forecast():
            return None
        within = [point for point in self.points if not point.over]
        seen = [f for point in within if (f := self.serial_fraction(point)) is not None]
        balanced = [f for point in within if (f := self.serial_fraction(point, balanced=True)) is not None]
        if not seen:
            return None
        times = number / self.points[0].number
        fractions = (max(0.0, min(balanced)), max(0.0, sum(seen) / len(seen)), max(0.0, max(seen)))
        least, likely, most = (self.points[0].run_s * (f + (1 - f) / times) for f in fractions)
        return least, likely, most


def scaling(
    runner: FreshRunner, by: str, numbers: Sequence[int], limit_s: float, cores: int, made: Callable[[Point], None]
) -> Scaling:
    """One run for each number; `made` is called with each as soon as it is there.

    Raises UsageError when the command does not say {ranks}, and RunFailed.
    """
    points = []
    for number in sorted(set(numbers)):
        watch = SetUpWatch()
        run = runner.profile(Ask(limit_s, changes=changing(by, number)), watch, observe=False)
        profile = profile_of(run.reports, watch)
        used = run.ranks * (number if by == THREADS else 1)
        peak_mb = sum(rank.peak_mb for rank in profile.ranks)
        points.append(Point(number, run.run_s, run.wall_s, profile.balance, peak_mb, over=used > cores))
        made(points[-1])
    return Scaling(by, tuple(points))
