"""One paper each, in a folder: its presets, published numbers, claims, figures."""
