"""From a tidy frame of results to tables, figures, verdicts and one page.

The modules here are about numbers: runs, cells, fields, curves. `claims` judges a paper
on them, `page` puts them on a page. Import the parts by name. None of them imports JAX,
so that a report starts fast. What belongs to one paper (numbers, claims, figures) is
in `ws_jax.papers`, which imports from here and is never imported here: the report is
handed papers as values.
"""
