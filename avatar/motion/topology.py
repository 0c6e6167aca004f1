"""The 478-landmark face as data: triangles, named index lists, the mirror map, a canonical face.

Knows which landmark lies where on a face; does not know pictures, trackers or time. The numbering
is MediaPipe's face mesh with irises (Kartynnik et al. 2019, arXiv 1907.06724; attention mesh,
arXiv 2006.10962; Apache-2.0), restated here so that no other room needs the tracker's library.
`python -m avatar.motion.canonical` makes the arrays of `face_topology.npz`.

"Left" is the SUBJECT's left, which a camera shows on picture right (positive x of head space).
Lists that are contours run in order along the contour, so that consecutive entries are neighbours.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatar.errors import AssetError
from avatar.frames import NUM_LANDMARKS, FloatArray

IntArray = NDArray[np.intp]

TOPOLOGY_PATH = Path(__file__).with_name("face_topology.npz")


def _indices(*values: int) -> IntArray:
    array = np.array(values, dtype=np.intp)
    array.flags.writeable = False
    return array


# fmt: off
FACE_OVAL = _indices(
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
"""From the forehead's top down the subject's left side, over the chin (152) and up the right."""

# Lips: every list runs from the subject's right mouth corner to the left one.
LIPS_OUTER_UPPER = _indices(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LIPS_OUTER_LOWER = _indices(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
LIPS_INNER_UPPER = _indices(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LIPS_INNER_LOWER = _indices(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
LIPS = _indices(
    0, 11, 12, 13, 14, 15, 16, 17, 37, 38, 39, 40, 41, 42, 61, 62, 72, 73, 74, 76, 77, 78, 80, 81,
    82, 84, 85, 86, 87, 88, 89, 90, 91, 95, 96, 146, 178, 179, 180, 181, 183, 184, 185, 191, 267,
    268, 269, 270, 271, 272, 291, 292, 302, 303, 304, 306, 307, 308, 310, 311, 312, 314, 315, 316,
    317, 318, 319, 320, 321, 324, 325, 375, 402, 403, 404, 405, 407, 408, 409, 415)
"""All landmarks of the lips' red: both contours and the rings between them."""

# Lids: from the outer corner to the inner one; both lids share their two corners.
LEFT_LID_UPPER = _indices(263, 466, 388, 387, 386, 385, 384, 398, 362)
LEFT_LID_LOWER = _indices(263, 249, 390, 373, 374, 380, 381, 382, 362)
RIGHT_LID_UPPER = _indices(33, 246, 161, 160, 159, 158, 157, 173, 133)
RIGHT_LID_LOWER = _indices(33, 7, 163, 144, 145, 153, 154, 155, 133)
# The ring of skin landmarks just outside the lids (crease and bag), in the same order.
LEFT_LID_UPPER_CREASE = _indices(359, 467, 260, 259, 257, 258, 286, 414, 463)
LEFT_LID_LOWER_CREASE = _indices(359, 255, 339, 254, 253, 252, 256, 341, 463)
RIGHT_LID_UPPER_CREASE = _indices(130, 247, 30, 29, 27, 28, 56, 190, 243)
RIGHT_LID_LOWER_CREASE = _indices(130, 25, 110, 24, 23, 22, 26, 112, 243)

# Brows: from the inner end to the outer one; upper and lower edge.
LEFT_BROW_UPPER = _indices(336, 296, 334, 293, 300)
LEFT_BROW_LOWER = _indices(285, 295, 282, 283, 276)
RIGHT_BROW_UPPER = _indices(107, 66, 105, 63, 70)
RIGHT_BROW_LOWER = _indices(55, 65, 52, 53, 46)

# Irises: centre, then four points of the rim.
LEFT_IRIS = _indices(473, 474, 475, 476, 477)
RIGHT_IRIS = _indices(468, 469, 470, 471, 472)

NOSE = _indices(
    1, 2, 3, 4, 5, 6, 19, 20, 44, 45, 48, 51, 59, 60, 64, 75, 79, 94, 97, 98, 99, 102, 115, 122,
    125, 131, 134, 141, 166, 168, 174, 188, 193, 195, 196, 197, 198, 209, 217, 218, 219, 220, 235,
    236, 237, 238, 239, 240, 241, 242, 245, 248, 250, 274, 275, 278, 281, 289, 290, 294, 305, 309,
    326, 327, 328, 331, 344, 351, 354, 360, 363, 370, 392, 399, 412, 417, 419, 420, 429, 437, 438,
    439, 440, 455, 456, 457, 458, 459, 460, 461, 462, 465)
NOSE_TIP = 1
FOREHEAD_TOP = 10
CHIN = 152
GLABELLA = 9
EAR_SIDES = _indices(454, 234)
"""[left, right] landmark in front of the ear."""
MOUTH_CORNERS = _indices(291, 61)
"""[left, right] outer corner of the lips."""
EYE_CORNERS = _indices(263, 362, 33, 133)
"""Left outer, left inner, right outer, right inner."""

RIGID = _indices(
    # forehead and temples, above what brows move most
    10, 338, 297, 332, 284, 109, 67, 103, 54, 151, 9, 8,
    # bridge and back of the nose down to its tip
    168, 6, 197, 195, 5, 4, 1, 193, 417, 122, 351, 196, 419, 3, 248, 236, 456, 174, 399,
    # corners of the eyes
    33, 133, 263, 362,
    # sides of the head before the ears
    127, 356, 234, 454, 162, 389, 21, 251)
"""Landmarks that expression hardly moves: what a head pose is fitted to."""
# fmt: on


@cache
def _arrays() -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(TOPOLOGY_PATH, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise AssetError(
            f"{TOPOLOGY_PATH.name} beside {Path(__file__).name} is missing or damaged; "
            "reinstall, or make it again with `python -m avatar.motion.canonical`."
        ) from error
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def face_triangles() -> NDArray[np.int32]:
    """Triangles (852, 3) of the skin over landmarks 0..467; holes at both eyes and the mouth.

    Wound so that the normal of a face seen from the front points to the camera, i.e. clockwise on
    the picture (y down).
    """
    return _arrays()["face_triangles_T3"].astype(np.int32, copy=False)


def mouth_triangles() -> NDArray[np.int32]:
    """Triangles (18, 3) closing the mouth's hole: a strip between the inner lips."""
    return _arrays()["mouth_triangles_T3"].astype(np.int32, copy=False)


def eye_triangles() -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(left, right) triangles (14, 3) closing the eyes: strips between the lids."""
    arrays = _arrays()
    return (
        arrays["left_eye_triangles_T3"].astype(np.int32, copy=False),
        arrays["right_eye_triangles_T3"].astype(np.int32, copy=False),
    )


def mirror_map() -> IntArray:
    """For each landmark the one at its mirror place (478); its own inverse."""
    return _arrays()["mirror_N"].astype(np.intp, copy=False)


def canonical_face() -> FloatArray:
    """Neutral mean face (478, 3) in head space: symmetric, inter-ocular distance 1.

    The inter-ocular distance is that between the mean points of both eyes' corners; the origin is
    the head's centre, midway between forehead top and chin, at the depth of the ears.
    """
    return _arrays()["canonical_N3"].astype(np.float32, copy=False)


@cache
def neighbours() -> tuple[IntArray, ...]:
    """Landmarks sharing a triangle edge with each of the 468 skin landmarks (empty for irises)."""
    linked: list[set[int]] = [set() for _ in range(NUM_LANDMARKS)]
    for a, b, c in face_triangles().tolist():
        linked[a] |= {b, c}
        linked[b] |= {a, c}
        linked[c] |= {a, b}
    return tuple(np.array(sorted(of_one), dtype=np.intp) for of_one in linked)
