"""Rows of metrics become a mean, a table for people and a file of JSON for machines.

Knows rows and files; does not know how a number was measured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from avatar.errors import AssetError

Row = dict[str, object]
"""Metrics of one clip or pair by name; None where there was nothing to measure."""
_NO_MEAN = {"num_frames", "reference_frame", "seed"}


def mean_row(rows: Sequence[Row]) -> dict[str, float | None]:
    """Mean of every numeric metric over the rows that have it; None where none has."""
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    means: dict[str, float | None] = {}
    for name in names:
        if name in _NO_MEAN:
            continue
        present = [row.get(name) for row in rows]
        numbers = [
            float(value)
            for value in present
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
        is_text = any(isinstance(value, str) for value in present)
        if not is_text and (numbers or any(value is None for value in present)) and name != "error":
            means[name] = sum(numbers) / len(numbers) if numbers else None
    return means


def build_report(animator: str, mode: str, rows: Sequence[Row]) -> dict[str, object]:
    """The report: `{"animator", "mode", "mean": {...}, "clips": [...]}`, numbers rounded."""
    return {
        "animator": animator,
        "mode": mode,
        "num_without_face": sum(row.get("error") is not None for row in rows),
        "mean": {name: _rounded(value) for name, value in mean_row(rows).items()},
        "clips": [{name: _rounded(value) for name, value in row.items()} for row in rows],
    }


def build_comparison(
    reports: Mapping[str, Mapping[str, object]], mode: str, rows: Sequence[Row]
) -> dict[str, object]:
    """Several animators' reports and one row of comparison for each."""
    return {
        "animators": list(reports),
        "mode": mode,
        "comparison": [{name: _rounded(value) for name, value in row.items()} for row in rows],
        "reports": dict(reports),
    }


def table(rows: Sequence[Row], columns: Sequence[str], *, has_mean: bool = True) -> str:
    """Aligned text: one line per row, then the mean; errors in full."""
    means: list[Row] = [{columns[0]: "mean", **mean_row(rows)}] if has_mean else []
    header = [_heading(column) for column in columns]
    lines = [header]
    for row in [*rows, *means]:
        lines.append([_cell(row.get(column)) for column in columns])
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    text = []
    nothing: Row = {}
    for line, row in zip(lines, [nothing, *rows, *means], strict=True):
        cells = [
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        error = row.get("error")
        text.append("  ".join(cells) + (f"  {error}" if error else ""))
    return "\n".join(text)


def write_report(report: dict[str, object], path: Path) -> None:
    """Write JSON whole or not at all; raises AssetError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise AssetError(f"{path}: cannot be written ({error.strerror}).") from error
    finally:
        partial.unlink(missing_ok=True)


def _rounded(value: object) -> object:
    return round(value, 5) if isinstance(value, float) else value


def _heading(name: str) -> str:
    return (
        name.replace("_correlation", "_corr")
        .replace("_distance", "_dist")
        .replace("head_rotation_error_deg", "head_deg")
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
