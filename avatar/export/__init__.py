"""Builds of the stream's graphs for other runtimes, and proof that they compute the same."""
