"""The page of a profile: every part of it, as text."""

from __future__ import annotations

import re

from autotune.profile import Advice, Profile, RankProfile
from autotune.profile.profile import RUN
from autotune.report.html.profile import html_profile

PROFILE = Profile(
    wall_s=3.0,
    sections={"imports": 1.0, RUN: 2.0},
    undivided="",
    ranks=(RankProfile(0, step_s=1.0, cells=4), RankProfile(1, step_s=2.0, cells=4, spikes=1234)),
    named={"<script>wiring</script>": 0.5},
    python={"set-up": [("model.py:7 build", 0.4)]},
    mechanisms={"hh": 0.3},
    mechanisms_run_s=2.0,
)
ADVICE = (Advice("psolve", "Let pc.psolve integrate.", "run() makes 8,000 steps", "pc.psolve(tstop)", 1.4),)


def test_every_part_is_there_and_what_a_model_says_is_text() -> None:
    page = html_profile("net", PROFILE, None, ADVICE)
    said = page.partition("<main")[2].partition("</main>")[0]
    for text in ("The run in parts", "Advice", "rank by rank", "Mechanisms", "Python in set-up", "model.py:7 build"):
        assert text in said
    assert "At most 1.40 times as fast." in said
    assert "pc.psolve(tstop)" in said
    assert "Load balance 0.750" in said
    assert "1,234" in said
    assert "<script>wiring" not in said
    assert said.count("data-plot=") == 5
    assert "<title>net: where its time goes</title>" in page
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", said)


def test_without_advice_and_of_a_model_that_died_it_says_so() -> None:
    died = Profile(wall_s=1.0, sections={"imports": 1.0, RUN: 0.0}, undivided="x", ranks=(), failed="it crashed")
    page = html_profile("net", died, None, ())
    assert "did not come to its end: it crashed" in page
    assert "Nothing in the script stands in the way." not in page  # nobody knows
    assert "Nothing in the script stands in the way." in html_profile("net", PROFILE, None, ())
