"""From a tidy frame of results to tables, figures, verdicts and one page.

Import the parts by name. None of them imports JAX, so that a report starts fast; the
pictures of augmented images (`pictures.py`) do so when they are drawn.
"""
