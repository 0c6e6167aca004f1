"""Contact sheets of several animators: what stands in a column is of one moment."""

from __future__ import annotations

import numpy as np
import pytest

from avatar.evaluation.sheet import NUM_COLUMNS, TILE_PX, ContactSheet, beside


def _sheet(num_outputs: int) -> ContactSheet:
    """Output k of a stream is as bright as it is late."""
    sheet = ContactSheet(("truth", "output"))
    for number in range(num_outputs):
        picture = np.full((8, 8, 3), 2 * number, np.uint8)
        sheet.add(picture, picture)
    return sheet


@pytest.mark.parametrize(("whole", "short"), [(25, 24), (32, 31), (17, 16), (16, 15), (9, 8)])
def test_columns_are_of_one_moment_though_one_animator_answers_less(whole: int, short: int) -> None:
    """An animator that draws in chunks of two does not answer the last of an odd number."""
    picture = beside({"warp": _sheet(whole), "neural": _sheet(short)}, "truth")
    labels = picture.shape[1] % TILE_PX
    rows = picture[TILE_PX // 2 :: TILE_PX, labels + TILE_PX // 2 :: TILE_PX, 0]
    assert rows.shape[0] == 3
    assert NUM_COLUMNS // 2 <= rows.shape[1] <= NUM_COLUMNS
    assert (rows == rows[0]).all()
    assert (np.diff(rows[0].astype(int)) > 0).all()


def test_columns_are_spread_over_the_clip() -> None:
    shown = _sheet(25).numbers
    assert shown == list(range(0, 25, 2))
    sheet = beside({"warp": _sheet(25)}, "truth")
    labels = sheet.shape[1] % TILE_PX
    first_row = sheet[TILE_PX // 2, labels + TILE_PX // 2 :: TILE_PX, 0]
    assert (first_row[0], first_row[-1], len(first_row)) == (0, 48, NUM_COLUMNS)


def test_a_sheet_of_nothing_is_its_labels() -> None:
    assert ContactSheet(("truth", "output")).picture().shape[0] == 2 * TILE_PX
    assert beside({"warp": _sheet(3), "none": _sheet(0)}, "truth").shape[1] < TILE_PX
