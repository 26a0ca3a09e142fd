"""How figures look: one palette, one line style per initialisation, quiet axes.

Colours are told apart by people with any colour vision: models have those of Okabe and
Ito (the blue a little lighter, for dark pages), levels a part of `plasma`, whose
lightness rises evenly and which shows on a light and on a dark page. Level 0 is drawn
in the colour of text.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path
from matplotlib.ticker import ScalarFormatter

from ws_jax.analysis import labels

# A page that shows the figures may replace these two by its own colours.
INK = "#1b1f24"
RULE = "#d3d7dd"

_MODELS = {"cnn": "#1F83C4", "fcn": "#D55E00"}
_OTHERS = ("#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_LINES = {"paper": "-", "released": (0, (4, 1.6))}

WIDTH = 7.6  # inches, of every figure
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.formatter.useoffset": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "text.color": INK,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handlelength": 2.2,
    "svg.fonttype": "none",
}


def colours(values: Sequence[float], by: str = "aug") -> dict[float, object]:
    """Returns a colour for each level, probability, learning rate or other number.

    A level has the same colour in every figure, and so has a learning rate.

    Args:
      values: in [0, 1], of fields of a config any.
      by: the column that they come from; rates (`learning_rate`) are spread by their
        power of ten, values of a field (a dotted name) by their order.
    """
    ramp = matplotlib.colormaps["plasma"]
    places = {x: x for x in values}
    if by == "learning_rate":
        places = {x: 1 + np.log10(x) / 7 for x in values}
    if "." in by:
        order = sorted(places)
        places = {x: i / max(1, len(order) - 1) for i, x in enumerate(order)}
        return {x: ramp(0.28 + 0.55 * place) for x, place in places.items()}
    return {x: ramp(0.28 + 0.55 * place) if x else INK for x, place in places.items()}


def model_style(model: str, init: str) -> dict[str, object]:
    """Returns the colour of a model and the line style of its initialisation."""
    other = _OTHERS[sum(map(ord, model)) % len(_OTHERS)]
    return {"color": _MODELS.get(model, other), "linestyle": _LINES.get(init, ":")}


# Inches around the panels and between them. They are fixed, so that panels line up
# from figure to figure; and finding out what text needs takes longer than drawing.
_LEFT, _RIGHT, _TOP, _BOTTOM, _ACROSS, _DOWN = 0.84, 0.16, 0.28, 0.78, 0.55, 0.5
_TITLE_LINE, _LEGEND_LINE, _NOTE_LINE = 0.17, 0.175, 0.125  # heights, in inches


def panel_width(columns: int, left: float = _LEFT) -> float:
    """Returns the width of one of a row's panels, in inches."""
    return (WIDTH - left - _RIGHT - (columns - 1) * _ACROSS) / columns


def make_axes(
    rows: int, columns: int, height: float = 1.6, left: float = _LEFT, lines: int = 1
) -> tuple[Figure, np.ndarray]:
    """Returns a figure of the common width and its axes, an array [rows, columns].

    Args:
      rows: of panels.
      columns: of panels.
      height: of one panel, in inches.
      left: of the panels, for the labels of their vertical axes, in inches.
      lines: that the longest title of a panel has.
    """
    top, down = (room + (lines - 1) * _TITLE_LINE for room in (_TOP, _DOWN))
    total = top + rows * height + (rows - 1) * down + _BOTTOM
    grid = {
        "left": left / WIDTH,
        "right": 1 - _RIGHT / WIDTH,
        "bottom": _BOTTOM / total,
        "top": 1 - top / total,
        "wspace": _ACROSS / panel_width(columns, left),
        "hspace": down / height,
    }
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, total))
        axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid)
    return figure, axes


@functools.lru_cache(maxsize=4096)
def text_width(text: str, size: float = 9) -> float:
    """Returns how wide lines of text are, in inches; their font's size is in points."""
    font = FontProperties(family=STYLE["font.family"], size=size)
    measure = text_to_path.get_text_width_height_descent
    points = max(measure(line, font, False)[0] for line in text.split("\n"))
    return 1.05 * points / 72  # screens round the widths of letters


def wrapped(text: str, width: float, size: float = 9) -> str:
    """Breaks a text into lines of a width: after commas, else at spaces, else anywhere.

    Args:
      text: one line.
      width: at most of a line, in inches.
      size: of the font, in points.
    """
    lines = [""]
    for part in re.split(r"(?<=,) (?![^(]*\))", text):  # none within a tuple
        whole = text_width(part, size) <= width
        for word in [part] if whole else _words(part, width, size):
            joined = f"{lines[-1]} {word}" if lines[-1] else word
            if text_width(joined, size) <= width:
                lines[-1] = joined
            else:
                lines.append(word)
    return "\n".join(line for line in lines if line)


def _words(text: str, width: float, size: float) -> list[str]:
    """Parts a text at spaces, and a word that is too wide where it must be."""
    found = []
    for word in text.split():
        while text_width(word, size) > width and len(word) > 1:
            fits = [
                i for i in range(2, len(word)) if text_width(word[:i], size) <= width
            ]
            cut = max(fits, default=1)
            best = max(word.rfind(sign, 0, cut) for sign in "._/-")
            cut = best + 1 if best > 0 else cut
            found.append(word[:cut])
            word = word[cut:]
        found.append(word)
    return found


def message(text: str) -> Figure:
    """Returns a figure that says in words why there is nothing to see."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.8))
        figure.text(0.5, 0.5, text, ha="center", va="center", color=INK)
    return figure


def noted(figure: Figure, text: str) -> Figure:
    """Writes at the bottom of a figure, which grows, what is not in it; returns it."""
    if text:
        lines = wrapped(text, WIDTH - 0.2, 7)
        _grow(figure, _NOTE_LINE * (lines.count("\n") + 1) + 0.05)
        at = 0.1 / WIDTH, 0.04 / figure.get_figheight()
        with matplotlib.rc_context(STYLE):
            figure.text(*at, lines, va="bottom", fontsize=7, linespacing=1.2, color=INK)
    return figure


def _grow(figure: Figure, more: float) -> None:
    """Adds inches at the bottom of a figure; all that is in it stays as it was."""
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + more)

    def moved(y: float) -> float:
        return (y * height + more) / (height + more)

    for grid in {axes.get_gridspec() for axes in figure.axes} - {None}:
        ends = grid.get_subplot_params(figure)
        grid.update(bottom=moved(ends.bottom), top=moved(ends.top))
    for axes in figure.axes:  # which follow their grid in figures of pyplot only
        axes.set_subplotspec(axes.get_subplotspec())
    for legend in figure.legends:
        legend.set_bbox_to_anchor((0, moved(0), 1, 1 - moved(0)))
    for text in figure.texts:
        text.set_y(moved(text.get_position()[1]))


def series(index: int) -> str:
    """Returns the colour of a line that is no model's, by its place."""
    ring = (*_MODELS.values(), *_OTHERS)
    return ring[index % len(ring)]


def legend(figure: Figure, handles: Sequence[Line2D], title: str = "") -> None:
    """Puts one legend for all panels under them, its title in front of the entries.

    It has as many rows as its entries need beside each other, from left to right; for
    those below the first the figure grows.

    Args:
      figure: that it is of.
      handles: its entries.
      title: what they are.
    """
    if not handles:
        return
    length = 1.3 if len(handles) > 6 else 2.2
    widest = WIDTH - 0.6 - (text_width(title) + 0.6 if title else 0)
    for handle in handles:
        handle.set_label(wrapped(str(handle.get_label()), widest))
    columns = _legend_columns(handles, title, length)
    starts = range(0, len(handles), columns)
    rows = [list(handles[start : start + columns]) for start in starts]
    if title:
        words = [title] + [""] * (len(rows) - 1)
        first = [Line2D([], [], linestyle="none", label=word or " ") for word in words]
        rows = [[one, *row] for one, row in zip(first, rows, strict=True)]
    lines = [max(str(one.get_label()).count("\n") for one in row) + 1 for row in rows]
    _grow(figure, _LEGEND_LINE * (sum(lines) - 1))
    # A legend is filled down its columns.
    across = range(len(rows[0]))
    entries = [row[i] for i in across for row in rows if i < len(row)]
    with matplotlib.rc_context(STYLE):
        figure.legend(
            handles=entries,
            loc="lower center",
            borderaxespad=0.1,
            ncols=len(rows[0]),
            columnspacing=_SPACING,
            handletextpad=_PAD,
            handlelength=length,
            labelspacing=0.25,
        )


_SPACING, _PAD = 1.1, 0.5  # of a legend, in its font's size


def _legend_columns(handles: Sequence[Line2D], title: str, length: float) -> int:
    """Returns how many entries of a legend stand in a row, about as many in each."""
    one = 9 / 72  # the font's size in inches
    beside = one * (length + _PAD + _SPACING)
    wide = [text_width(str(handle.get_label())) + beside for handle in handles]
    room = WIDTH - one - (text_width(title) + beside if title else 0)
    for rows in range(1, len(handles) + 1):
        columns = -(-len(handles) // rows)
        if sum(max(wide[i::columns]) for i in range(columns)) <= room:
            return columns
    return 1


def handles(
    values: Sequence[float], by: str = "aug", words: Sequence[str] = ()
) -> list[Line2D]:
    """Returns legend entries for levels, probabilities or learning rates.

    Args:
      values: in their order.
      by: the column that they come from.
      words: what they are called, if not as levels are.
    """
    shown = colours(values, by)
    named = zip(values, words or labels.levels(values), strict=True)
    return [Line2D([], [], color=shown[x], label=label) for x, label in named]


def in_percent(axes: Axes) -> None:
    """Writes the ticks of an accuracy axis, which runs in [0, 1], in percent."""
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")


class _Short(ScalarFormatter):
    """Writes ticks in six signs, all by their power of ten if one needs more."""

    def format_ticks(self, values: Sequence[float] | np.ndarray) -> list[str]:
        found = super().format_ticks(values)
        if max(map(len, found), default=0) <= 6:
            return found
        found = [f"{value:.4g}" for value in values]
        if max(map(len, found)) > 6:
            powers = [f"{value:.1e}" for value in values]
            found = [re.sub(r"e\+?(-?)0*", r"e\1", power) for power in powers]
        return [text.replace("-", "\N{MINUS SIGN}") for text in found]


def in_short(axes: Axes) -> None:
    """Writes the ticks of a measure's axis so that they fit beside a panel."""
    axes.yaxis.set_major_formatter(_Short(useOffset=False))


def over_levels(axes: Axes, label: str) -> None:
    """Gives an axis of levels or probabilities the same ticks everywhere."""
    axes.set_xlabel(label)
    axes.set_xlim(-0.04, 1.04)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(lambda value, _: labels.level(value))


def letters(axes: np.ndarray) -> None:
    """Puts (a), (b), … (z), (aa), (ab), … before the panels' titles."""
    for index, panel in enumerate(axes.flat):
        panel.set_title(f"({letter(index)}) {panel.get_title(loc='left')}")


def letter(index: int) -> str:
    """Returns the letters of a panel, counted from 0.

    Example:
      >>> letter(0), letter(25), letter(26), letter(701), letter(702)
      ('a', 'z', 'aa', 'zz', 'aaa')
    """
    before, last = divmod(index, 26)
    return (letter(before - 1) if before else "") + chr(97 + last)
