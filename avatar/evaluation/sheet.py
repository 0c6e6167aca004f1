"""Contact sheets: a few moments of a clip side by side, one row per kind of picture.

Knows pictures and a file name; does not know what they show. Holds a bounded number of them
however long a clip is. Shape legend: H, W pixels; 3 colours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from avatar.frames import ByteArray

TILE_PX = 192
NUM_COLUMNS = 8
_LABEL_WIDTH_PX = 96


class ContactSheet:
    """Collects columns of pictures evenly over a stream of unknown length."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = tuple(labels)
        self._columns: list[tuple[ByteArray, ...]] = []
        self._every = 1
        self._seen = 0

    def add(self, *pictures: ByteArray) -> None:
        """Offer one column: one picture per label."""
        assert len(pictures) == len(self._labels)
        if self._seen % self._every == 0:
            self._columns.append(tuple(_tile(picture) for picture in pictures))
            if len(self._columns) == 2 * NUM_COLUMNS:  # thin out: every other one goes
                self._columns = self._columns[::2]
                self._every *= 2
        self._seen += 1

    def picture(self) -> ByteArray:
        """The sheet as RGB; a bare strip of labels where nothing was added."""
        return np.vstack([self.row(label) for label in self._labels])

    @property
    def numbers(self) -> list[int]:
        """Which of the columns offered are held, counted from 0."""
        return [self._every * index for index in range(len(self._columns))]

    def row(
        self, label: str, shown_as: str | None = None, numbers: Sequence[int] | None = None
    ) -> ByteArray:
        """One row with its label, or another text in its place; of columns held, by number."""
        shown = _evenly(self.numbers) if numbers is None else numbers
        columns = [self._columns[number // self._every] for number in shown]
        tiles = [column[self._labels.index(label)] for column in columns]
        return np.hstack([_text_strip(shown_as or label), *tiles])

    def save(self, path: Path) -> None:
        """Write a PNG."""
        save_png(self.picture(), path)


def beside(sheets: Mapping[str, ContactSheet], shared_label: str) -> ByteArray:
    """Several animators' sheets of one clip: what they share once, then each one's output.

    Only moments that all of them hold: who draws in chunks does not answer the last frames.
    """
    held = [set(sheet.numbers) for sheet in sheets.values()]
    numbers = _evenly(sorted(set.intersection(*held)))
    rows = [next(iter(sheets.values())).row(shared_label, numbers=numbers)]
    rows += [sheet.row("output", name, numbers) for name, sheet in sheets.items()]
    return np.vstack(rows)


def _evenly(numbers: Sequence[int]) -> list[int]:
    if not numbers:
        return []
    indices = np.linspace(0, len(numbers) - 1, NUM_COLUMNS).round().astype(int)
    return [numbers[index] for index in sorted(set(indices.tolist()))]


def save_png(rgb_HW3: ByteArray, path: Path) -> None:
    """Write an RGB picture; raises OSError where that is not possible."""
    is_encoded, data = cv2.imencode(".png", cv2.cvtColor(rgb_HW3, cv2.COLOR_RGB2BGR))
    assert is_encoded, "OpenCV is built with PNG"
    path.write_bytes(data.tobytes())


def _text_strip(text: str) -> ByteArray:
    """The text on dark ground, a line per word."""
    strip = np.full((TILE_PX, _LABEL_WIDTH_PX, 3), 24, np.uint8)
    white = (230, 230, 230)
    for line, word in enumerate(re.split(r"[-:,]", text)):
        place = (4, TILE_PX // 2 + 16 * line)
        cv2.putText(strip, word, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, white, 1, cv2.LINE_AA)
    return strip


def _tile(rgb_HW3: ByteArray) -> ByteArray:
    """Fit into a square tile, centred on black."""
    factor = TILE_PX / max(rgb_HW3.shape[:2])
    size = (max(1, round(rgb_HW3.shape[1] * factor)), max(1, round(rgb_HW3.shape[0] * factor)))
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = cv2.resize(rgb_HW3, size, interpolation=kind)
    tile = np.zeros((TILE_PX, TILE_PX, 3), np.uint8)
    top, left = (TILE_PX - size[1]) // 2, (TILE_PX - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile
