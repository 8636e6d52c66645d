"""What the documentation says is what the code does: references, links, commands, examples, quoted output."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

import record
from autotune.config import make_config, read_study
from autotune.errors import ExitCode
from autotune.export import Best
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
    from rich.console import Console

    from autotune.pipeline import tune
    from autotune.report.terminal import TerminalProgress

    config = make_config(
        {
            "name": "small",
            "command": "{python} small_ring.py --tstop 20",
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
    found = {re.sub(r"\d{4}\.json", "0007.json", name) for name in files if not name.startswith((".lock", "agent/"))}
    assert found <= listed
    assert listed - found == {"confirming.json", "agent/", "scratch/"}  # a single trial leaves nothing to confirm


def test_the_output_that_is_quoted_is_that_of_the_recorded_run() -> None:
    text = (DOCS / "images" / "demo.txt").read_text(encoding="utf-8")
    for page in record.QUOTING:
        found = page.read_text(encoding="utf-8")
        assert record.QUOTE.search(found), page
        assert found == record.with_quotes(found, text), page


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
