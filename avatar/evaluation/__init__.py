"""Metrics, suites and benchmarks."""
