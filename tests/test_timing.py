"""Percentiles are what numpy says they are."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.timing import LatencySummary, quantile


@pytest.mark.parametrize("count", [1, 2, 3, 100, 101])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.85, 0.95, 1.0])
def test_a_quantile_is_numpys(count: int, share: float) -> None:
    values = np.random.default_rng(count).normal(size=count)
    assert quantile(sorted(values.tolist()), share) == pytest.approx(np.quantile(values, share))


def test_a_summary_counts_averages_and_ranks() -> None:
    summary = LatencySummary.of(iter([0.03, 0.01, 0.02]))
    assert (summary.count, summary.mean_s, summary.p50_s) == pytest.approx((3, 0.02, 0.02))
    assert summary.p99_s == pytest.approx(0.0298)
    assert LatencySummary.of([]) == LatencySummary(0, 0.0, 0.0, 0.0, 0.0)
