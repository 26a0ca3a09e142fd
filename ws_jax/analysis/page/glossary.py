"""The words that a page needs: those that occur on it, and the schemes of its runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from ws_jax.analysis import labels
from ws_jax.analysis.page import pieces
from ws_jax.analysis.page.paper import Paper

_USUAL = {
    "CNN": "a convolutional network: one set of kernels is used at every place of an "
    "image",
    "FCN": "a free convolutional network, also called locally connected: kernels of "
    "its own at every place; nothing is shared",
}
_SCHEMES = {
    "tiles": "sites of a square of so many by so many share a kernel",
    "periodic": "sites at a distance of the number share a kernel",
    "mixed": "the kernel of every site is mixed from templates, as many as the number",
    "noisy": "sites share a kernel from which each strays at random while it trains",
}

_FOLDED = {
    name: f"a {name.removesuffix('_folded')} whose alike layers were tied, so that it "
    "loops over them"
    for name in ("wrn_folded", "grid_net_folded")
}


def words(rows: pd.DataFrame, papers: Sequence[Paper], text: str) -> str:
    """Returns the definitions that a page needs, as an HTML list.

    Args:
      rows: tidy.
      papers: whose words are told where they occur.
      text: of the rest of the page, as HTML.
    """
    if rows.empty:
        return ""
    plain = re.sub(r"<[^>]*>", " ", text)
    models = set(map(labels.model, rows["model"].unique()))
    # A paper may explain the one by the other.
    alone = len(models & set(_USUAL)) < len(_USUAL)
    told = dict(both for p in papers for both in (*p.words, *p.words_of(rows)))
    known = {w: m for w, m in _USUAL.items() if w in models} | {
        word: meaning
        for word, meaning in told.items()
        if (word not in _USUAL or (word in models and not alone))
        and re.search(rf"\b{re.escape(word)}\b", plain)
    }
    for name in sorted(set(rows["model"]) - {"cnn", "fcn"}):
        if name == "".join(rows.loc[rows["model"] == name, "sharing"].unique()):
            known.setdefault(labels.model(name), _scheme(name))
    items = [
        f"<dt>{pieces.escape(word)}</dt><dd>{pieces.escape(meaning)}.</dd>"
        for word, meaning in known.items()
    ]
    return f'<dl class="glossary">{"".join(items)}</dl>' if items else ""


def _scheme(name: str) -> str:
    if name in _FOLDED:
        return _FOLDED[name]
    parts = [part.partition(":")[0] for part in name.split("/")]
    meanings = [_SCHEMES[part] for part in parts if part in _SCHEMES]
    if not meanings:
        return f"a network or sharing scheme of this study’s own, by the name of {name}"
    return "; ".join(dict.fromkeys(meanings))
