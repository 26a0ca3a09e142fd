"""What the report shows of each paper: one entry each.

A paper imports from `ws_jax.analysis`, never the other way; the report takes what it
shows of a paper as a `ws_jax.analysis.page.paper.Paper`.
"""

from ws_jax.analysis.page.paper import Paper
from ws_jax.papers.ott2020 import page as ott2020
from ws_jax.papers.pogodin2021 import page as pogodin2021
from ws_jax.papers.savarese2019 import page as savarese2019

_ALL = (ott2020.PAPER, pogodin2021.PAPER, savarese2019.PAPER)
PAPERS: dict[str, Paper] = {paper.name: paper for paper in _ALL}
