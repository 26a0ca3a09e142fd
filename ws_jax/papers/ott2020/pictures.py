"""What training augmentations look like, Figures 2 and B.1 to B.4; radii, B.5.

The pictures come from `ws_jax.augment` itself, which is imported when one is drawn.
The large picture is the plain image, the ten small ones the levels .1 to .99, as in the
pictures that come with the released code. Translation and rotation are shown at the
level itself (what a training image meets at most), noise as one draw.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from ws_jax.analysis import labels, style
from ws_jax.analysis.page import gallery
from ws_jax.config import check_name
from ws_jax.papers.ott2020 import published

NAMES = {
    "translation": "Figure 2",
    "edge_noise": "Figure B.1",
    "noise": "Figure B.2",
    "rotation": "Figure B.4",
    "swap": "Figure B.3",
}


def augmented(image: np.ndarray, kind: str, level: float, seed: int = 0) -> np.ndarray:
    """Returns an image as an augmentation of some level leaves it.

    Args:
      image: [h, w, c], in [0, 1].
      kind: an augmentation, or `swap`, which has no level.
      level: in [0, 1).
      seed: of the noise.

    Returns:
      The image, of the same shape; noise may leave [0, 1].

    Raises:
      ConfigError: for an unknown kind.
    """
    check_name("augmentation", kind, NAMES)
    import jax.numpy as jnp

    from ws_jax import augment
    from ws_jax.keys import make_key

    pixels = jnp.asarray(image, jnp.float32)
    height = level * image.shape[0]
    draws = {
        "translation": lambda: augment.shift(pixels, height, 0.0),
        "rotation": lambda: augment.rotate(pixels, 360 * level),
        "swap": lambda: augment.swap_quadrants(pixels),
    }
    if kind in draws:
        return np.asarray(draws[kind]())
    noisy = {"noise": augment.add_noise, "edge_noise": augment.add_edge_noise}[kind]
    return np.asarray(noisy(make_key(seed), pixels, level))


def augmentation_figure(image: np.ndarray, kind: str, seed: int = 0) -> Figure:
    """Draws an image at all levels of an augmentation.

    Args:
      image: [h, w, c] with one or three channels, in [0, 1].
      kind: an augmentation, or `swap` for Figure B.3, which shows two pictures.
      seed: of the noise.

    Raises:
      ConfigError: for an unknown kind.
    """
    levels = (0.0, 1.0) if kind == "swap" else published.LEVELS
    pictures = {level: image for level in levels[:1]}
    pictures |= {level: augmented(image, kind, level, seed) for level in levels[1:]}
    mosaic = "AAbcdef\nAAghijk" if len(levels) > 2 else "Ab"
    places = "A" + "bcdefghijk"[: len(levels) - 1]
    with matplotlib.rc_context(style.STYLE):
        size = (style.WIDTH, 2.5) if len(levels) > 2 else (style.WIDTH * 0.55, 2.3)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplot_mosaic(mosaic)
        for place, (level, picture) in zip(places, pictures.items(), strict=True):
            _show(axes[place], picture)
            axes[place].set_title(_title(kind, level), fontsize=8.5)
    return figure


def radii_figure(side: int = 13, radii: Sequence[int] = (1, 4)) -> Figure:
    """Draws Figure B.5: which sites lie at a Chebyshev radius from one.

    A kernel's distance at a radius is the mean over the sites of that square ring.

    Args:
      side: of the first layer's square of sites; MNIST's is 13.
      radii: rings that are drawn.
    """
    middle = side // 2
    where = np.abs(np.arange(side) - middle)
    apart = np.maximum(where[:, None], where[None, :])
    colours = style.colours([r / 10 for r in radii])
    with matplotlib.rc_context(style.STYLE):
        figure = Figure(figsize=(style.WIDTH * 0.55, 3.2), layout="constrained")
        panel = figure.subplots()
        panel.set_box_aspect(1)
        for radius, sites, colour in (
            (None, ~np.isin(apart, (0, *radii)), style.RULE),
            (0, apart == 0, style.INK),
            *((r, apart == r, colours[r / 10]) for r in radii),
        ):
            y, x = np.nonzero(sites)
            name = {None: "", 0: "a site"}.get(radius, f"r = {radius}, {len(x)} sites")
            panel.plot(x, y, "s", color=colour, markersize=6, label=name or None)
        panel.set(
            xticks=[], yticks=[], ylim=(side - 0.5, -0.5), xlim=(-0.5, side - 0.5)
        )
        panel.grid(visible=False)
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncol=3, frameon=False)
    return figure


def items(image: np.ndarray) -> list[gallery.Item]:
    """Returns the paper's pictures of augmentations, made from an image."""
    caption = "Made by ws_jax.augment; noise is one draw, shown between 0 and 1."
    found = []
    for kind, name in NAMES.items():
        title = "Quadrant swap" if kind == "swap" else labels.kind(kind).capitalize()
        draw = functools.partial(augmentation_figure, image, kind)
        found.append(gallery.Item(name, title, caption, draw))
    caption = "Sites of MNIST's first free layer; of each ring the mean is taken."
    found.append(
        gallery.Item("Figure B.5", "Radii of kernel distances", caption, radii_figure)
    )
    return found


def _show(axes, picture: np.ndarray) -> None:
    """Shows an image; one channel as grey, all clipped to what a screen has."""
    picture = np.clip(picture, 0, 1)
    single = picture.shape[-1] == 1
    axes.imshow(
        picture[..., 0] if single else picture,
        cmap="gray_r" if single else None,
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)  # a white picture on a white page


def _title(kind: str, level: float) -> str:
    if kind == "swap":
        return "swapped" if level else "plain"
    if kind == "rotation" and level:
        return f"{level * 360:.0f}°"
    return labels.level(level)
