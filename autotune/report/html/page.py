"""The page around the sections: one file with its own style and script, which may load nothing from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from autotune.report.html.section import Section

_ALLOWED = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"


def page(title: str, sections: Sequence[Section]) -> str:
    """The whole file."""
    from plotly.offline import get_plotlyjs  # 5 MB

    name = escape(title)
    links = "".join(f'<li><a href="#{each.anchor}">{escape(each.title)}</a></li>' for each in sections[1:])
    parts = "\n".join(
        f'<section id="{each.anchor}" aria-labelledby="{each.anchor}-title">'
        f'<h2 id="{each.anchor}-title">{escape(each.title)}</h2>\n{each.body}\n</section>'
        for each in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_ALLOWED}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<link rel="icon" href="data:,">
<style>
{_own("page.css")}</style>
</head>
<body>
<a class="skip" href="#main">To the report</a>
<header><h1>{name}</h1>
<nav aria-label="Sections"><ul>{links}</ul></nav></header>
<main id="main">
{parts}
</main>
<script>{get_plotlyjs()}</script>
<script>
{_own("page.js")}</script>
</body>
</html>
"""


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
