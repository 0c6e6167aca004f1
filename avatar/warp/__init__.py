"""A character is moved by its landmark mesh: the classical renderer, numpy and numba only."""
