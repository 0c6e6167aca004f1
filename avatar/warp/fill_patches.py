"""Texture continued from where it is known: cloth behind an arm looks like the cloth beside it.

Image completion by patches (Wexler, Shechtman and Irani 2007), whose nearest neighbours are found
by PatchMatch (Barnes et al. 2009), coarse to fine. Knows a picture and two masks; does not know
what is missing. Deterministic.

Legend: H, W pixels; h, w pixels of a level; 2 row and column; 3 colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.frames import FloatArray
from avatar.jit import kernel
from avatar.warp.fill import push_pull

BoolArray = NDArray[np.bool_]
_RADIUS = 3
"""Half side of a patch."""
_REACH_PX = 96
"""Sources lie no further than this from the hole: far cloth has another light."""
_COARSEST_PX = 24
_ITERATIONS = (6, 4, 3)
"""Search and vote, per level from the coarsest; the last number goes for the rest."""
_LEAST_SOURCES = 64


def continue_texture(
    picture_HW3: FloatArray, is_known_HW: BoolArray, is_hole_HW: BoolArray
) -> FloatArray:
    """The picture with its hole filled from patches of known pixels.

    Where too little is known to copy from, colours are spread smoothly instead.
    """
    smooth_HW3 = push_pull(picture_HW3, is_known_HW.astype(np.float32))
    is_hole_HW = is_hole_HW & ~is_known_HW
    if not is_hole_HW.any():
        return smooth_HW3
    rows, columns = np.nonzero(is_hole_HW)
    window = np.s_[
        max(rows.min() - _REACH_PX, 0) : rows.max() + _REACH_PX + 1,
        max(columns.min() - _REACH_PX, 0) : columns.max() + _REACH_PX + 1,
    ]
    filled = _complete(smooth_HW3[window], is_known_HW[window], is_hole_HW[window])
    result = smooth_HW3.copy()
    result[window][is_hole_HW[window]] = filled[is_hole_HW[window]]
    return result


def _complete(first_hw3: FloatArray, is_known_hw: BoolArray, is_hole_hw: BoolArray) -> FloatArray:
    """Coarse to fine, each level starting from the one before."""
    levels = 0
    while min(first_hw3.shape[:2]) >> (levels + 1) >= _COARSEST_PX and levels < 4:
        levels += 1
    picture: FloatArray = first_hw3
    match: NDArray[np.int32] | None = None
    for level in range(levels, -1, -1):
        size = (first_hw3.shape[1] >> level, first_hw3.shape[0] >> level)
        base = np.asarray(cv2.resize(first_hw3, size, interpolation=cv2.INTER_AREA), np.float32)
        known = cv2.resize(is_known_hw.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        hole = cv2.resize(is_hole_hw.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.0
        side = 2 * _RADIUS + 1
        is_source = cv2.erode((known > 0.99).astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        for edge in (np.s_[:_RADIUS], np.s_[-_RADIUS:]):
            is_source[edge], is_source[:, edge] = False, False
        source_2 = np.argwhere(is_source).astype(np.int32)
        if len(source_2) < _LEAST_SOURCES:
            continue
        if match is not None:  # the finer level starts from what the coarser one found
            coarse = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
            base[hole] = np.asarray(coarse, np.float32)[hole]
        picture = base
        target = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        match = _first_matches(match, picture.shape[:2], source_2, level)
        match[is_source] = np.argwhere(is_source)
        number = levels - level
        for iteration in range(_ITERATIONS[min(number, len(_ITERATIONS) - 1)]):
            _search(picture, match, is_source, target, iteration)
            picture = _vote(picture, match, target, hole)
    return picture


def _first_matches(
    coarser_hw2: NDArray[np.int32] | None,
    hw: tuple[int, ...],
    source_2: NDArray[np.int32],
    level: int,
) -> NDArray[np.int32]:
    """For every pixel some source: a random one, or the one twice as far as at the level before."""
    rows, columns = hw[:2]
    chosen = np.random.default_rng(level).integers(0, len(source_2), rows * columns)
    match = source_2[chosen].reshape(rows, columns, 2)
    if coarser_hw2 is None:
        return match
    y = np.minimum(np.arange(rows) // 2, coarser_hw2.shape[0] - 1)
    x = np.minimum(np.arange(columns) // 2, coarser_hw2.shape[1] - 1)
    odd = np.stack(np.meshgrid(np.arange(rows) % 2, np.arange(columns) % 2, indexing="ij"), -1)
    wanted = 2 * coarser_hw2[y][:, x] + odd
    limit = np.array([rows - 1 - _RADIUS, columns - 1 - _RADIUS])
    is_source = np.zeros((rows, columns), bool)
    is_source[source_2[:, 0], source_2[:, 1]] = True
    wanted = np.clip(wanted, _RADIUS, limit)
    is_good = is_source[wanted[..., 0], wanted[..., 1]]
    return np.where(is_good[..., None], wanted, match).astype(np.int32)


@kernel
def _apart(picture_hw3: FloatArray, y: int, x: int, v: int, u: int, best: float) -> float:
    """Squared distance of two patches; more than `best` as soon as that is sure."""
    height, width = picture_hw3.shape[:2]
    total = 0.0
    for dy in range(-_RADIUS, _RADIUS + 1):
        row = y + dy
        if row < 0 or row >= height:
            continue
        for dx in range(-_RADIUS, _RADIUS + 1):
            column = x + dx
            if column < 0 or column >= width:
                continue
            for k in range(3):
                difference = picture_hw3[row, column, k] - picture_hw3[v + dy, u + dx, k]
                total += difference * difference
        if total > best:
            break
    return total


@kernel
def _search(
    picture_hw3: FloatArray,
    match_hw2: NDArray[np.int32],
    is_source_hw: BoolArray,
    is_target_hw: BoolArray,
    iteration: int,
) -> None:
    """One pass of propagation and random search, forwards and backwards by turns."""
    height, width = is_target_hw.shape
    is_forward = iteration % 2 == 0
    back = 1 if is_forward else -1
    state = np.uint32(12345 + 977 * iteration)
    for i in range(height):
        y = i if is_forward else height - 1 - i
        for j in range(width):
            x = j if is_forward else width - 1 - j
            if not is_target_hw[y, x] or is_source_hw[y, x]:
                continue
            best_v = match_hw2[y, x, 0]
            best_u = match_hw2[y, x, 1]
            best = _apart(picture_hw3, y, x, best_v, best_u, 1e30)
            for neighbour in range(2):
                ny = y - back if neighbour == 0 else y
                nx = x if neighbour == 0 else x - back
                if ny < 0 or nx < 0 or ny >= height or nx >= width:
                    continue
                v = match_hw2[ny, nx, 0] + (y - ny)
                u = match_hw2[ny, nx, 1] + (x - nx)
                if v < 0 or u < 0 or v >= height or u >= width or not is_source_hw[v, u]:
                    continue
                found = _apart(picture_hw3, y, x, v, u, best)
                if found < best:
                    best, best_v, best_u = found, v, u
            radius = max(height, width)
            while radius >= 1:
                # xorshift: the compiled random generator would not be ours to seed
                state ^= (state << np.uint32(13)) & np.uint32(0xFFFFFFFF)
                state ^= state >> np.uint32(17)
                state ^= (state << np.uint32(5)) & np.uint32(0xFFFFFFFF)
                v = best_v + int(state % np.uint32(2 * radius + 1)) - radius
                u = best_u + int((state >> np.uint32(11)) % np.uint32(2 * radius + 1)) - radius
                radius //= 2
                if v < 0 or u < 0 or v >= height or u >= width or not is_source_hw[v, u]:
                    continue
                found = _apart(picture_hw3, y, x, v, u, best)
                if found < best:
                    best, best_v, best_u = found, v, u
            match_hw2[y, x, 0] = best_v
            match_hw2[y, x, 1] = best_u


@kernel
def _vote(
    picture_hw3: FloatArray,
    match_hw2: NDArray[np.int32],
    is_target_hw: BoolArray,
    is_hole_hw: BoolArray,
) -> FloatArray:
    """Every pixel of the hole becomes the mean of what the patches over it say."""
    height, width = is_hole_hw.shape
    result = picture_hw3.copy()
    for y in range(height):
        for x in range(width):
            if not is_hole_hw[y, x]:
                continue
            red = 0.0
            green = 0.0
            blue = 0.0
            total = 0.0
            for dy in range(-_RADIUS, _RADIUS + 1):
                for dx in range(-_RADIUS, _RADIUS + 1):
                    py = y + dy
                    px = x + dx
                    if py < 0 or px < 0 or py >= height or px >= width:
                        continue
                    if not is_target_hw[py, px]:
                        continue
                    v = match_hw2[py, px, 0] - dy
                    u = match_hw2[py, px, 1] - dx
                    if v < 0 or u < 0 or v >= height or u >= width:
                        continue
                    # The middle of a patch knows best: the mean of all would blur the weave.
                    weight = 1.0 / (1.0 + dy * dy + dx * dx)
                    red += weight * picture_hw3[v, u, 0]
                    green += weight * picture_hw3[v, u, 1]
                    blue += weight * picture_hw3[v, u, 2]
                    total += weight
            if total > 0.0:
                result[y, x, 0] = red / total
                result[y, x, 1] = green / total
                result[y, x, 2] = blue / total
    return result
