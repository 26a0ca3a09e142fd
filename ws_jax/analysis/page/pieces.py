"""The pieces of the report's page: figures as inline SVG, chips, folded parts."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from importlib import resources

import matplotlib
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ws_jax.analysis import style
from ws_jax.analysis.claims import checks

START = "<!doctype html>"  # of every page
_CHIPS = {
    checks.HOLDS: ("holds", "✓ holds"),
    checks.FAILS: ("fails", "✗ does not hold"),
    checks.UNDECIDED: ("open", "○ not enough data"),
}
# What a figure's file has and a page does not need.
_SPARE = re.compile(
    r'<metadata>.*?</metadata>|<!--.*?-->| xmlns(?::\w+)?="[^"]*"', re.DOTALL
)


def svg(figure: Figure, name: str, label: str) -> str:
    """Returns a figure as an SVG element for a page that sets its colours.

    Text and level 0 take the colour of the page's text, axes that of its lines; text
    stays text. The element refers to nothing outside itself.

    Args:
      figure: drawn with `style`.
      name: of the figure, unique on the page: the element's own names come from it.
      label: what a reader hears who does not see it.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({**style.STYLE, "svg.hashsalt": name}):
        FigureCanvasSVG(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = _SPARE.sub("", text[text.index("<svg") :])
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    used = set(re.findall(r'(?:url\(|href=")#([\w.-]+)', text))
    text = re.sub(
        r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text
    )
    # A tenth of a point is finer than any screen.
    text = re.sub(r' d="[^"]*"', lambda path: _rounded(path[0]), text)
    text = text.replace(style.INK, "currentColor").replace(style.RULE, "var(--line)")
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


def _rounded(path: str) -> str:
    path = re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.1f}", path)
    # A line goes on without its letter, a curve does not end so.
    return path if "C" in path else re.sub(r"\s*\n(?:L )?", " ", path)


def escape(text: object) -> str:
    """Returns text as it may stand in HTML."""
    return html.escape(str(text))


def chip(outcome: str) -> str:
    """Returns a verdict's outcome as a small label: sign, word and colour."""
    kind, text = _CHIPS[outcome]
    return f'<span class="chip {kind}">{text}</span>'


def figure(drawn: Figure, number: int, name: str, title: str, caption: str) -> str:
    """Returns a figure with its title above and its caption below."""
    number_name = f'<span class="name">{escape(name)}</span>' if name else ""
    picture = svg(drawn, f"figure-{number}", f"{name} {title}".strip())
    if drawn.get_figwidth() < style.WIDTH * 0.7:
        picture = picture.replace("<svg", '<svg class="small"', 1)
    single = len(drawn.axes) == 1
    if single:
        picture = picture.replace("<svg", '<svg class="one"', 1)
    return (
        f"<figure><h3>{number_name}{escape(title)}</h3>"
        f'<div class="scroll{" one" * single}">{picture}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def folded(summary: str, content: str) -> str:
    """Returns content that opens on a click."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def words_table(
    frame: pd.DataFrame, numbers: Sequence[str] = (), markup: Sequence[str] = ()
) -> str:
    """Returns a frame of words as a table.

    Args:
      frame: any.
      numbers: columns that are set to the right.
      markup: columns that hold HTML.
    """
    head = "".join(_cell("th", name, name in numbers) for name in frame.columns)
    body = []
    for row in frame.itertuples(index=False):
        cells = [
            _cell("td", value, name in numbers, name in markup)
            for name, value in zip(frame.columns, row, strict=True)
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll"><table class="words"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(tag: str, value: object, number: bool, markup: bool = False) -> str:
    kind = ' class="number"' if number else ""
    return f"<{tag}{kind}>{value if markup else escape(value)}</{tag}>"


def document(title: str, body: str) -> str:
    """Returns a whole page, with its style inside."""
    css = (
        resources.files("ws_jax.analysis.page").joinpath("page.css").read_text("utf-8")
    )
    return (
        f'{START}<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )
