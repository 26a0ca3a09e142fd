"""Ott et al. 2020, "To share or not to share?": presets, numbers, claims, figures."""
