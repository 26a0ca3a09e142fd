"""How figures look: one palette, one line style per initialisation, quiet axes.

Colours are told apart by people with any colour vision: models have those of Okabe and
Ito (the blue a little lighter, for dark pages), levels a part of `plasma`, whose
lightness rises evenly and which shows on a light and on a dark page. Level 0 is drawn
in the colour of text.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

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
    """Returns a colour for each level, probability or learning rate.

    A level has the same colour in every figure, and so has a learning rate.

    Args:
      values: in [0, 1].
      by: the column that they come from; rates (`learning_rate`) are spread by their
        power of ten.
    """
    ramp = matplotlib.colormaps["plasma"]
    places = {x: x for x in values}
    if by == "learning_rate":
        places = {x: 1 + np.log10(x) / 7 for x in values}
    return {x: ramp(0.28 + 0.55 * place) if x else INK for x, place in places.items()}


def model_style(model: str, init: str) -> dict[str, object]:
    """Returns the colour of a model and the line style of its initialisation."""
    other = _OTHERS[sum(map(ord, model)) % len(_OTHERS)]
    return {"color": _MODELS.get(model, other), "linestyle": _LINES.get(init, ":")}


# Inches around the panels and between them. They are fixed, so that panels line up
# from figure to figure; and finding out what text needs takes longer than drawing.
_LEFT, _RIGHT, _TOP, _BOTTOM, _ACROSS, _DOWN = 0.66, 0.08, 0.28, 0.78, 0.55, 0.5


def make_axes(
    rows: int, columns: int, height: float = 1.6
) -> tuple[Figure, np.ndarray]:
    """Returns a figure of the common width and its axes, an array [rows, columns].

    Args:
      rows: of panels.
      columns: of panels.
      height: of one panel, in inches.
    """
    total = _TOP + rows * height + (rows - 1) * _DOWN + _BOTTOM
    panel = (WIDTH - _LEFT - _RIGHT - (columns - 1) * _ACROSS) / columns
    grid = {
        "left": _LEFT / WIDTH,
        "right": 1 - _RIGHT / WIDTH,
        "bottom": _BOTTOM / total,
        "top": 1 - _TOP / total,
        "wspace": _ACROSS / panel,
        "hspace": _DOWN / height,
    }
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, total))
        axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid)
    return figure, axes


def message(text: str) -> Figure:
    """Returns a figure that says in words why there is nothing to see."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 0.8))
        figure.text(0.5, 0.5, text, ha="center", va="center", color=INK)
    return figure


def noted(figure: Figure, text: str) -> Figure:
    """Writes under a figure what is not in it; returns the figure."""
    if text:
        with matplotlib.rc_context(STYLE):
            figure.text(0.01, -0.01, text, va="top", fontsize=7, color=INK, wrap=True)
    return figure


def series(index: int) -> str:
    """Returns the colour of a line that is no model's, by its place."""
    ring = (*_MODELS.values(), *_OTHERS)
    return ring[index % len(ring)]


def legend(
    figure: Figure, handles: Sequence[Line2D], title: str = "", columns: int = 0
) -> None:
    """Puts one legend for all panels under them, its title in front of the entries.

    Args:
      figure: that it is of.
      handles: its entries.
      title: what they are.
      columns: at most, 0 for as many as short entries leave room for; what stands
        below the first row is put under the figure, which grows.
    """
    if not handles:
        return
    first = [Line2D([], [], linestyle="none", label=title)] if title else []
    entries = [*first, *handles]
    if columns:
        _legend_below(figure, entries, columns)
        return
    with matplotlib.rc_context(STYLE):
        figure.legend(
            handles=entries,
            loc="lower center",
            borderaxespad=0.1,
            ncols=min(len(entries), 12 if len(handles) > 6 else 5),
            columnspacing=1.1,
            handletextpad=0.5,
            handlelength=1.3 if len(handles) > 6 else 2.2,
        )


def _legend_below(figure: Figure, entries: list[Line2D], columns: int) -> None:
    """Makes a figure higher by the rows of a legend, and puts the legend there."""
    columns = min(columns, len(entries))
    more = 0.2 * (-(-len(entries) // columns) - 1)
    width, height = figure.get_size_inches()
    grid = figure.axes[0].get_gridspec()
    ends = grid.get_subplot_params(figure)
    figure.set_size_inches(width, height + more)
    grid.update(
        bottom=(ends.bottom * height + more) / (height + more),
        top=(ends.top * height + more) / (height + more),
    )
    with matplotlib.rc_context(STYLE):
        figure.legend(
            handles=entries, loc="lower center", borderaxespad=0.1, ncols=columns,
            columnspacing=1.1, handletextpad=0.5, labelspacing=0.25,
        )  # fmt: skip


def handles(values: Sequence[float], by: str = "aug") -> list[Line2D]:
    """Returns legend entries for levels, probabilities or learning rates."""
    shown = colours(values, by)
    return [Line2D([], [], color=shown[x], label=labels.level(x)) for x in values]


def in_percent(axes: Axes) -> None:
    """Writes the ticks of an accuracy axis, which runs in [0, 1], in percent."""
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")


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
