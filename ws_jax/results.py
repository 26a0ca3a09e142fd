"""What a sweep has found, as a table: for notebooks and scripts of one's own.

How it is kept is in `ws_jax.storage.results`.
"""

from ws_jax.storage.results import COLUMNS, ResultsError, read, read_records

__all__ = ["COLUMNS", "ResultsError", "read", "read_records"]
