"""Whether a figure can be read: its texts lie within it, and none on another."""

import itertools
from unittest import mock

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from ws_jax.analysis import style

_OUT, _ON = 1.0, 1.5  # points that a text may lie out of the figure, or on another
_DPI = 100


def drawn_texts(figure):
    """Returns the words of all texts that are drawn, and their boxes in points."""
    found = []
    draw = Text.draw

    def noting(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            box = self.get_window_extent(renderer)
            found.append((self.get_text(), Bbox(box.get_points() * 72 / _DPI)))
        return draw(self, renderer, *args, **kwargs)

    figure.set_dpi(_DPI)
    with matplotlib.rc_context(style.STYLE):  # in which a page draws them
        FigureCanvasAgg(figure)
        with mock.patch.object(Text, "draw", noting):
            figure.draw_without_rendering()
    return found


def amiss(figure):
    """Says which texts of a figure leave it, and which lie on one another."""
    texts = drawn_texts(figure)
    width, height = 72 * figure.get_size_inches()
    said = [
        f"{text!r} leaves the figure"
        for text, box in texts
        if min(box.x0, box.y0, width - box.x1, height - box.y1) < -_OUT
    ]
    for (one, a), (other, b) in itertools.combinations(texts, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        if across > _ON and min(a.y1, b.y1) - max(a.y0, b.y0) > _ON:
            said.append(f"{one!r} lies on {other!r}")
    return said


def assert_readable(figure):
    """Fails where a text leaves the figure or lies on another."""
    found = amiss(figure)
    assert not found, "\n".join(found)
