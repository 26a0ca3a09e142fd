"""From a tidy frame of results to tables, figures, verdicts and one page.

Import the parts by name. None of them imports JAX, so that a report starts fast. What
belongs to one paper (numbers, claims, figures) is in `ws_jax.papers`, which imports
from here and is never imported here: the report is handed papers as values.
"""
