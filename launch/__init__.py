"""Thin programs: flags in, one call."""
