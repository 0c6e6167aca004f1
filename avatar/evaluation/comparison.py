"""Several animators' reports on the same clips become one table: means, and who wins which clip.

Knows rows of metrics; does not know how they were measured. A clip counts where both have a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from avatar.evaluation.report import Row, mean_row

BOTH = ("psnr", "ssim")
"""A clip is won by being better in both."""
GAINS = ("psnr", "ssim", "face_psnr", "mouth_psnr", "open_mouth_psnr", "eye_psnr")
"""Metrics of which more is better."""

Rows = Sequence[Row]


def clip_wins(rows: Rows, others: Sequence[Rows]) -> float | None:
    """Share of clips in which an animator is better in PSNR and SSIM than every one of the others.

    None where no clip was measured by all.
    """
    num_clips = num_won = 0
    for index, row in enumerate(rows):
        wins = []
        for name in BOTH:
            own = _number(row, name)
            theirs = [_number(other[index], name) for other in others]
            known = [value for value in theirs if value is not None]
            if own is None or len(known) < len(theirs):
                break
            wins.append(own > max(known))
        if len(wins) == len(BOTH):
            num_clips += 1
            num_won += all(wins)
    return num_won / num_clips if num_clips else None


def gain_over(rows: Rows, others: Sequence[Rows], metric: str) -> float | None:
    """Mean over clips of the metric beyond the best of the others there; None without any."""
    gains = []
    for index, row in enumerate(rows):
        own = _number(row, metric)
        theirs = [_number(other[index], metric) for other in others]
        known = [value for value in theirs if value is not None]
        if own is not None and known:
            gains.append(own - max(known))
    return sum(gains) / len(gains) if gains else None


def compare(rows_of: Mapping[str, Rows], classical: Sequence[str]) -> list[Row]:
    """One row per animator: its means, and against the best classical variant clip by clip.

    `classical` names those that count as such; an animator is never compared with itself.
    """
    result: list[Row] = []
    for name, rows in rows_of.items():
        others = [rows_of[other] for other in classical if other != name]
        row: Row = {"animator": name, **mean_row(rows)}
        if others:
            row["clip_wins"] = clip_wins(rows, others)
            for metric in GAINS:
                row[f"{metric}_gain"] = gain_over(rows, others, metric)
        result.append(row)
    return result


def _number(row: Row, name: str) -> float | None:
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else None
