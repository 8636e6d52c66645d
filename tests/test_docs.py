"""What the documentation says is what the code does: references, links, commands, examples, quoted output."""

from __future__ import annotations

import io
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

import autotune
import record
from autotune.best import Best
from autotune.calibrate.noise import NoiseRecord
from autotune.config import make_config, read_study
from autotune.errors import ExitCode
from autotune.report.terminal import TerminalProgress
from autotune.report.terminal.live import TITLES
from autotune.store.folder import StudyFolder
from autotune.store.records import Verdict
from make_reference import commands, pages, parameters

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MARKDOWN = sorted(
    path for path in ROOT.rglob("*.md") if not any(part.startswith(".") or part == "runs" for part in path.parts)
)
PAGES = pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
LINK = re.compile(r"(?<!`)\[[^\]\[]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", pages())
def test_a_reference_page_is_what_the_code_makes(name: str) -> None:
    found = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert found == pages()[name], f"docs/reference/{name} is out of date: make reference"


@PAGES
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(_without_code(page.read_text(encoding="utf-8"))):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_every_page_can_be_reached_from_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(index)}
    assert linked >= {page for page in MARKDOWN if DOCS in page.parents and page.name != "README.md"}


@PAGES
def test_every_command_line_uses_commands_and_options_that_exist(page: Path) -> None:
    for line in re.findall(r"python -m autotune ([^\n`\"]*)", page.read_text(encoding="utf-8")):
        words = shlex.split(line.partition(" -- ")[0], comments=True)
        if not words or not words[0].islower():
            continue  # COMMAND …, or the tool's name in a sentence
        name = words[0].strip(".,;:")
        assert name in commands(), line
        known = {option for names, *_ in parameters(commands()[name]) for option in names}
        assert {word for word in words[1:] if word.startswith("-")} <= known, line


@PAGES
def test_every_study_that_is_shown_can_be_read(page: Path, tmp_path: Path) -> None:
    for block in _blocks(page, "toml"):
        (tmp_path / "study.toml").write_text(block, encoding="utf-8")
        read_study(tmp_path)


@pytest.mark.parametrize("study", sorted(path.parent.name for path in ROOT.glob("studies/*/study.toml")))
def test_every_study_can_be_read_and_is_listed(study: str) -> None:
    read_study(ROOT / "studies" / study)
    assert (ROOT / "studies" / study / "README.md").is_file()
    assert f"({study}/README.md)" in (ROOT / "studies" / "README.md").read_text(encoding="utf-8")


def test_the_example_of_best_json_is_a_valid_one() -> None:
    for example in _blocks(DOCS / "reference" / "best.md", "json"):
        Best.model_validate_json(example)


def test_every_key_of_best_json_is_explained() -> None:
    text = (DOCS / "reference" / "best.md").read_text(encoding="utf-8")
    obvious = {"study", "created", "tool"}
    assert {name for name in Best.model_fields if f"`{name}`" not in text} == obvious


def test_every_place_names_the_same_version() -> None:
    citation = pytest.importorskip("yaml").safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    project = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert project is not None
    assert citation["version"] == project[1] == autotune.__version__
    assert f"## {project[1]}," in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_verdict_is_explained() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \|", (DOCS / "reference" / "verdicts.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert tuple(rows) == (*get_args(Verdict), *get_args(Best.model_fields["verdict"].annotation))


def test_the_readme_names_every_exit_code_that_a_command_can_have() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    listed = re.search(r"Exit codes: (.*?)\. ", text)
    assert listed is not None
    numbers = {int(number) for number in re.findall(r"(?:^|, )(\d+) ", listed[1])}
    assert numbers == {int(code) for code in ExitCode if code is not ExitCode.DIFFERENT or "compare" in commands()}


def test_the_study_folder_holds_what_its_page_lists_and_nothing_else(tmp_path: Path) -> None:
    from autotune.pipeline import tune

    config = make_config(
        {
            "name": "small",
            "command": "{python} small_ring.py --tstop 60",
            "folder": ROOT / "tests" / "models",
            "search": {"trials": 1, "knobs": ("bin_queue",)},
            "noise": {"runs": 4},
        }
    )
    with Console(quiet=True) as console:
        tune(config, tmp_path / "study", storage=None, fresh=False, progress=TerminalProgress(console))
    page = (DOCS / "reference" / "study-folder.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    files = (str(file.relative_to(tmp_path / "study")) for file in (tmp_path / "study").rglob("*") if file.is_file())
    found = {
        re.sub(r"\d{4}\.json", "0007.json", name)
        for name in files
        if not name.startswith((".lock", "agent/", "files/"))
    }
    assert found <= listed
    # A single trial leaves nothing to confirm, and this network is regular.
    rare = {f"rasters/{name}.npz" for name in ("perturbed-2", "null-1", "repeat-1", "changes-…", "tighter")}
    rare |= {"traces/own/", "traces/quarter-dt/", "traces/varying.json"}  # it records nothing
    rare |= {"winner/", "second_look.json", "simplified.json", "confirming.json", "elsewhere.json"}
    rare.add("optuna.journal.damaged")
    assert listed - found == {"agent/", "files/", "scratch/", ".lock", "cluster/", "logs/"} | rare
    arrays = re.search(r"npz with the arrays `(\w+)` and `(\w+)`", page)
    assert arrays is not None
    with np.load(tmp_path / "study" / "rasters" / "baseline.npz") as raster:
        assert set(raster.files) == set(arrays.groups())


def test_what_is_told_again_of_a_study_is_what_the_program_printed(recipe_study: Any) -> None:
    printed, limits = io.StringIO(), read_study(recipe_study.study).search
    progress = TerminalProgress(Console(file=printed, width=200, highlight=False))
    record.tell(recipe_study.out, progress, limits, str(recipe_study.out))
    assert printed.getvalue() == recipe_study.answer.stdout


@pytest.mark.skipif(not record.DEMO.is_dir(), reason="the demo was recorded before its records were kept")
def test_the_output_that_is_quoted_is_what_the_program_prints_of_the_recorded_study() -> None:
    told = "\n".join(Text.from_ansi(line).plain.rstrip() for line in record.told_again(record.DEMO)).strip() + "\n"
    assert told == record.DEMO.with_suffix(".txt").read_text(encoding="utf-8")
    assert record.ANSWER_PAGE.read_text(encoding="utf-8") == record.with_answer(
        record.ANSWER_PAGE.read_text(encoding="utf-8"), record.DEMO
    )


def test_the_pages_quote_the_recorded_output() -> None:
    text = record.DEMO.with_suffix(".txt").read_text(encoding="utf-8")
    for page in record.QUOTING:
        found = page.read_text(encoding="utf-8")
        assert record.QUOTE.search(found), page
        assert found == record.with_quotes(found, text), page
    assert record.ANSWER.search(record.ANSWER_PAGE.read_text(encoding="utf-8"))
    tips = record.TIPS.read_text(encoding="utf-8")
    assert record.TRIAL.search(tips)
    assert tips == record.with_trials(tips, record.DEMO)
    snippet = record.SNIPPET_PAGE.read_text(encoding="utf-8")
    assert record.SNIPPET.search(snippet)
    assert snippet == record.with_snippet(snippet, record.DEMO)


def test_the_titles_that_are_quoted_are_those_that_the_program_prints() -> None:
    """In their order, and no other line begins at the edge before the answer, but for the table of trials and bars."""
    lines = record.DEMO.with_suffix(".txt").read_text(encoding="utf-8").partition("╭")[0].splitlines()
    trials = lines.index(TITLES["search"]), lines.index(TITLES["confirm"])
    table = [line for line in lines[slice(*trials)] if re.match(r"trial |━", line)]
    bars = [line for line in lines[trials[1] :] if line.startswith("━")]
    assert [line for line in lines if line[:1].strip()] == [
        *list(TITLES.values())[:4],
        *table,
        TITLES["confirm"],
        *bars,
    ]


def test_a_page_shows_a_part_of_the_answer_without_its_frame() -> None:
    text = "title\n╭── study ──╮\n│ setting   │\n│ improved  │\n│ paid      │\n╰───────────╯\n"
    page = '<!-- demo: from "│ improved" to "╰" -->\n```text\nold\n```\n'
    assert record.with_quotes(page, text) == page.replace("old", "improved\npaid")
    whole = page.replace("│ improved", "╭").replace('to "╰"', 'to "nothing"')
    assert "│ improved  │" in record.with_quotes(whole, text + "nothing\n")


def test_a_demo_on_a_restless_machine_is_not_recorded(recipe_study: Any, tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    assert "nobody knows how quiet" in record.objection(tmp_path)
    noise = StudyFolder(recipe_study.out).read(NoiseRecord)
    assert noise is not None
    for spread, refused in ((0.049, False), (0.051, True)):
        folder.write(replace(noise, noise=replace(noise.noise, spread=spread)))
        assert bool(record.objection(tmp_path)) == refused
    assert "differ by 5.1%, more than 5%" in record.objection(tmp_path)


def test_a_refused_demo_leaves_picture_text_and_pages_as_they_are(
    recipe_study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = StudyFolder(recipe_study.out).read(NoiseRecord)
    assert noise is not None
    StudyFolder(tmp_path).write(replace(noise, noise=replace(noise.noise, spread=0.2)))
    demo = tmp_path / "images" / "demo"
    demo.parent.mkdir()
    monkeypatch.setattr(record, "DEMO", demo)
    monkeypatch.setattr(record, "QUOTING", ())
    monkeypatch.setattr("sys.argv", ["record.py", str(tmp_path), "echo", "Searching"])
    assert record.main() == 1
    assert not list(demo.parent.iterdir())


def test_the_readme_comes_to_the_readers_own_model_on_its_first_screens() -> None:
    before = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Your own model\n")[0]
    (quoted,) = re.findall(r"```text\n(.*?)```", before, re.DOTALL)
    assert len(quoted.splitlines()) <= 8
    assert before.count("![") == 1
    assert len(before.splitlines()) < 50


def test_the_picture_is_small_and_fetches_nothing_from_the_web() -> None:
    svg = (DOCS / "images" / "demo.svg").read_text(encoding="utf-8")
    assert len(svg) < 150_000
    assert not re.search(r"@import|@font-face|url\(['\"]?https?:|href=['\"]https?:", svg)


def test_a_recorded_screen_keeps_the_last_state_of_a_view_that_is_drawn_in_place() -> None:
    written = (
        "title\r\n\x1b[2Ktrial 1\r\n1 of 2\r\x1b[2K\x1b[1A\x1b[2Ktrial 1\r\ntrial 2\r\n\x1b[1m2 of 2\x1b[0m\r\ndone\r\n"
    )
    assert record.screen(written) == ["title", "trial 1", "trial 2", "\x1b[1m2 of 2\x1b[0m", "done", ""]


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|^    .*?$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_schema_that_is_published_describes_the_example() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((DOCS / "reference" / "best.schema.json").read_text(encoding="utf-8"))
    for example in _blocks(DOCS / "reference" / "best.md", "json"):
        jsonschema.validate(json.loads(example), schema)
