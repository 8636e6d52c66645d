"""The few pieces of HTML that sections are made of. Whatever comes in is text and is escaped here; only what is already
`Html` passes as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


class Html(str):
    """Markup that was made here."""


def text(value: object) -> Html:
    """A value as text."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def join(parts: Iterable[object]) -> Html:
    """One after another."""
    return Html("\n".join(text(part) for part in parts if part != ""))


def paragraph(value: object, kind: str = "") -> Html:
    """A paragraph, of a class if it has one."""
    return Html(f'<p class="{escape(kind)}">{text(value)}</p>' if kind else f"<p>{text(value)}</p>")


def code(value: str) -> Html:
    """Lines to copy; the keyboard can scroll them."""
    return Html(f'<pre tabindex="0"><code>{escape(value)}</code></pre>')


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """A table whose first column names the row; narrow screens and the keyboard scroll it."""
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
