"""Pogodin et al. 2021, "Towards biologically plausible convolutional networks"."""
