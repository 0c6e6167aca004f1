from __future__ import annotations

import numpy as np

from avatar.motion import topology
from avatar.motion.geometry import reference_geometry
from avatar.warp.mesh import CROWN_DEPTH_IOD, NUM_FACE_VERTICES, build_mesh


def test_no_corner_of_the_heads_top_lies_behind_its_outlines_plane() -> None:
    scale, centre = 60.0, np.array([256.0, 280.0], np.float32)
    landmarks = topology.canonical_face() * scale
    landmarks[:, :2] += centre
    reference = reference_geometry(landmarks.astype(np.float32), (512, 512))
    mesh = build_mesh(reference)
    place_G2 = (mesh.position_V3[NUM_FACE_VERTICES:, :2] - reference.translation_2) / scale
    # From ear to ear over the head, some way beyond the face: where hair meets the background.
    angle_G = np.arctan2(place_G2[:, 0], -place_G2[:, 1])
    is_outline_G = (np.abs(angle_G) < np.radians(40)) & (place_G2[:, 1] < -1.9)
    is_outline_G &= place_G2[:, 1] > -2.6
    depth_G = mesh.head_shape_G3[is_outline_G, 2]
    assert is_outline_G.sum() > 8
    assert depth_G.max() < CROWN_DEPTH_IOD + 0.01
