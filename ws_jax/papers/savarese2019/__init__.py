"""Savarese & Maire 2019, "Learning implicitly recurrent CNNs": presets, claims."""
