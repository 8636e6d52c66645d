"""The reference pages that are made from the code itself: `python docs/make_reference.py`.

Commands and options come from the command line's own parser, the keys of study.toml from its schema, the knobs from
their files; a test compares the pages with what this module makes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from inspect import Parameter, getdoc, signature
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.models import ArgumentInfo, ParameterInfo

from autotune.best import SCHEMA_FILE
from autotune.best import schema as schema_of_best
from autotune.commands import app
from autotune.config import StudyConfig
from autotune.errors import ExitCode
from knob_pages import knobs_page
from python_page import python_page

REFERENCE = Path(__file__).parent / "reference"
MADE = "Made by `make reference` from the code; a test compares the two."

COMMANDS_HEAD = f"""# Commands

{MADE}

    python -m autotune COMMAND …

`autotune COMMAND …` is the same, where the environment's `bin` is on the PATH. Everything after `--` is your own
command, kept as you typed it; two placeholders may stand in it:

| placeholder | what takes its place |
|---|---|
| `{{ranks}}` | the number of ranks, which is then a knob |
| `{{python}}` | the interpreter that runs the tuner |
"""

EXIT_CODES = {
    ExitCode.DONE: "done, also when no improvement is proved",
    ExitCode.DIFFERENT: "`compare`: the rasters are not equivalent",
    ExitCode.USAGE: "the command line, study.toml or an input file is not usable",
    ExitCode.BASELINE_FAILED: "the model does not run with its own settings, or does not reproduce itself",
    ExitCode.NO_MPI: "MPI was asked for but is not in effect",
    ExitCode.INTERRUPTED: "interrupted; the same command goes on where it stopped",
}

STUDY_HEAD = f"""# study.toml

{MADE}

A study is a folder with a `study.toml`. Only `command` must be there; `name` is the folder's name unless it says
otherwise, and the command runs in the folder of study.toml. An option on the command line wins over the file. A key
that is not in these tables is an error.
"""

KINDS = {
    "dict": "table of lists",
    "bool": "true or false",
    "tuple": "list of texts",
    "int": "whole number",
    "float": "number",
    "Path": "path",
    "str": "text",
}
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def pages() -> dict[str, str]:
    """File name to its text: Markdown, and the schema of best.json."""
    schema = json.dumps(schema_of_best(), indent=2) + "\n"
    return {
        "commands.md": commands_page(),
        "study.md": study_page(),
        "knobs.md": knobs_page(),
        "python.md": python_page(),
        "best.schema.json": schema,
    }


def commands_page() -> str:
    """Every command with its arguments and options, and the exit codes."""
    every = commands()
    reachable = [code for code in ExitCode if code is not ExitCode.DIFFERENT or "compare" in every]
    codes = _table(("exit code", "meaning"), [(str(int(code)), EXIT_CODES[code]) for code in reachable])
    parts = [COMMANDS_HEAD, *(_command(name, function) for name, function in every.items())]
    return "\n".join([*parts, f"## Exit codes\n\n{codes}"])


def study_page() -> str:
    """Every key of study.toml with its default."""
    return "\n".join([STUDY_HEAD, *_section_pages(StudyConfig, "")])


def _section_pages(model: type[BaseModel], name: str) -> Iterator[str]:
    """The keys of a section, and those of the sections in it."""
    inner = {key: kind for key, field in model.model_fields.items() if (kind := _section(field))}
    keys = _keys({key: field for key, field in model.model_fields.items() if key not in inner})
    yield f"## [{name}]\n\n{getdoc(model)}\n\n{keys}" if name else keys
    for key, kind in inner.items():
        yield from _section_pages(kind, f"{name}.{key}" if name else key)


def _section_page(name: str, field: FieldInfo) -> Iterator[str]:
    """A table of study.toml, and those inside it."""
    model = _section(field)
    assert model is not None
    inner = {key: inside for key, inside in model.model_fields.items() if _section(inside)}
    plain = {key: inside for key, inside in model.model_fields.items() if key not in inner}
    yield f"## [{name}]\n\n{getdoc(model)}\n\n{_keys(plain)}"
    for key, inside in inner.items():
        yield from _section_page(f"{name}.{key}", inside)


def commands() -> dict[str, Callable[..., Any]]:
    """The functions behind the commands, by name."""
    found = [(info.name, info.callback) for info in app.registered_commands]
    return {name or function.__name__: function for name, function in found if function is not None}


def parameters(command: Callable[..., Any]) -> Iterator[tuple[list[str], str, Any, str]]:
    """Of each argument and option: its names (an argument's in capitals), type, default and help."""
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in signature(command).parameters.items():
        infos = (item for item in getattr(hints[name], "__metadata__", ()) if isinstance(item, ParameterInfo))
        info = next(infos, None)
        if info is None:  # typer's own context
            continue
        declared = [word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
        usual = name.upper() if isinstance(info, ArgumentInfo) else f"--{name.replace('_', '-')}"
        kind = _kind(str(get_args(hints[name])[0]))
        yield declared or [usual], "" if kind == KINDS["bool"] else kind, parameter.default, info.help or ""


def _command(name: str, command: Callable[..., Any]) -> str:
    rows = []
    for names, kind, default, text in parameters(command):
        label = ", ".join(f"`{word}`" for word in names) + (f" {kind}" if names[0].startswith("-") else "")
        shown = "" if default in (None, False, Parameter.empty) else f"`{default}`"
        rows.append((label.strip(), shown, _escaped(text)))
    table = f"\n{_table(('', 'default', 'meaning'), rows)}" if rows else ""
    return f"## {name}\n\n{_escaped(getdoc(command) or '')}\n{table}"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _keys(fields: dict[str, FieldInfo]) -> str:
    rows = [(f"`{name}`", _default(field), _value(field), field.description or "") for name, field in fields.items()]
    return _table(("key", "default", "value", "meaning"), rows)


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined or field.default is None:
        return ""
    return f"`{json.dumps(field.default, default=str)}`"


def _value(field: FieldInfo) -> str:
    text = str(field.annotation)
    if field is StudyConfig.model_fields["command"]:
        return "text, or list of texts"
    if "Literal[" in text:
        return text.partition("Literal[")[2].partition("]")[0].replace("'", '"').replace(", ", " or ")
    limits = [f"{sign} {getattr(m, name)}" for m in field.metadata for name, sign in BOUNDS.items() if hasattr(m, name)]
    return " ".join([_kind(text), ", ".join(limits)]).strip()


def _kind(annotation: str) -> str:
    """A type in a user's words."""
    return next(words for name, words in KINDS.items() if name in annotation)


def _escaped(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    SCHEMA_FILE.write_text(pages()[SCHEMA_FILE.name], encoding="utf-8")


if __name__ == "__main__":
    main()
