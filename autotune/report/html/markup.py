"""The few pieces of HTML that sections are made of. Whatever comes in is text and is escaped here; only what is already
`Html` passes as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


_OPTION = re.compile(r"(?<!\S)--?[A-Za-z][\w-]*")


class Html(str):
    """Markup that was made here."""


def text(value: object) -> Html:
    """A value as text."""
    return value if isinstance(value, Html) else Html(_unbroken(str(value)))


def join(parts: Iterable[object]) -> Html:
    """One after another."""
    return Html("\n".join(text(part) for part in parts if part != ""))


def paragraph(value: object, kind: str = "") -> Html:
    """A paragraph, of a class if it has one."""
    return Html(f'<p class="{escape(kind)}">{text(value)}</p>' if kind else f"<p>{text(value)}</p>")


def code(value: str) -> Html:
    """Lines to copy; the keyboard can scroll them."""
    return Html(f'<pre tabindex="0"><code>{_unbroken(value)}</code></pre>')


def command(value: str) -> Html:
    """A command as a value."""
    return Html(f"<code>{_unbroken(value)}</code>")


def _unbroken(value: str) -> str:
    """Escaped, and no line ends behind the hyphens of an option: `--` by itself means something else."""
    return _OPTION.sub(r'<span class="word">\g<0></span>', escape(value))


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, stacked: bool = False) -> Html:
    """A table whose first column names the row; narrow screens and the keyboard scroll it. One that is `stacked` has
    too much in a row for a narrow screen, which shows a row as a list of its cells, each with its column's name.
    """
    if stacked:
        return _stacked(caption, columns, rows)
    head = "".join(f'<th scope="col">{text(column)}</th>' for column in columns)
    body = "\n".join(
        f'<tr><th scope="row">{text(first)}</th>{"".join(f"<td>{text(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    label = escape(caption)
    return Html(
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0"><table><caption>{label}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _stacked(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """With all roles said: those that are in the tags go where a style makes another thing of a row."""
    head = "".join(f'<th scope="col" role="columnheader">{text(column)}</th>' for column in columns)
    names = [escape(column) for column in columns]
    body = "\n".join(
        f'<tr role="row"><th scope="row" role="rowheader" data-column="{names[0]}">{text(first)}</th>'
        + "".join(
            f'<td role="cell" data-column="{name}">{text(cell)}</td>'
            for name, cell in zip(names[1:], rest, strict=True)
        )
        + "</tr>"
        for first, *rest in rows
    )
    label = escape(caption)
    return Html(
        f'<div class="wide" role="region" aria-label="{label}" tabindex="0"><table class="stacked" role="table">'
        f'<caption>{label}</caption><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table></div>'
    )


def folded(summary: str, inside: Html) -> Html:
    """What only some want to read; printed all the same."""
    return Html(f"<details><summary>{text(summary)}</summary>{inside}</details>")


def drawn(name: str, figure: Figure, says: str) -> Html:
    """A figure with what it shows in words, for those who do not see it and as its caption."""
    label = escape(says)
    return Html(
        f'<figure><div class="plot" id="{name}" role="img" aria-label="{label}"></div>'
        f'<script type="application/json" data-plot="{name}">{_json(figure)}</script>'
        f"<figcaption>{label}</figcaption></figure>"
    )


def _json(figure: Figure) -> str:
    """In a script element only `</script` and `<!--` mean something."""
    plain: dict[str, Any] = json.loads(figure.to_json())
    plain["layout"].pop("template", None)
    return json.dumps(plain, separators=(",", ":")).replace("<", "\\u003c")
