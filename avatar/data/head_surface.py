"""The bare head's tables: which material, label, colour and eye place each piece of the model has.

Knows the face model's regions; no person.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from avatar.data.eyes import eye_uv
from avatar.data.face_sheet import masks
from avatar.data.head import head_model
from avatar.data.person_style import M_EYE_LEFT, M_EYE_RIGHT, M_MOUTH, M_SKIN, M_TEETH
from avatar.data.scene import Label

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@cache
def _head_tables() -> tuple[Ints, NDArray[np.uint8]]:
    model = head_model()
    material_of = {"eyeball_left": M_EYE_LEFT, "eyeball_right": M_EYE_RIGHT, "teeth": M_TEETH,
                   "gums_tongue": M_MOUTH, "mouth_socket": M_MOUTH}  # fmt: skip
    label_of = {"eyeball_left": Label.EYES, "eyeball_right": Label.EYES, "teeth": Label.TEETH,
                "gums_tongue": Label.MOUTH_INTERIOR,
                "mouth_socket": Label.MOUTH_INTERIOR}  # fmt: skip
    materials = np.array([material_of.get(n, M_SKIN) for n in model.region_names], np.int32)
    labels = np.array([label_of.get(n, Label.SKIN) for n in model.region_names], np.uint8)
    label_t = labels[model.region_T]
    tongue = model.tongue_mask[model.source_V]
    label_t[tongue[model.split_T3].all(1)] = Label.TONGUE
    lip_sheet = masks(512)["lips"]
    on_face = model.tile_V == 0
    texel = np.clip((np.stack([1 - model.uv_V2[:, 1], model.uv_V2[:, 0]], -1) * 512), 0, 511)
    lips = lip_sheet[texel[:, 0].astype(int), texel[:, 1].astype(int)] * on_face
    label_t[(lips[model.split_T3].mean(1) > 0.5) & (label_t == Label.SKIN)] = Label.LIPS
    return materials[model.region_T], label_t


def head_tables() -> tuple[Ints, NDArray[np.uint8]]:
    """(material, label) of every drawn triangle of a bare head; copies."""
    material_t, label_t = _head_tables()
    return material_t.copy(), label_t.copy()


def eye_places(side: int) -> tuple[NDArray[np.bool_], Floats]:
    """(which split vertices are that eyeball's, their places on its sheet 0..1, v up)."""
    model = head_model()
    sheet_uv = np.zeros((len(model.neutral_V3), 2), np.float32)
    sheet_uv[model.eyeball_vertices[side]] = eye_uv(side)
    on = np.isin(model.source_V, model.eyeball_vertices[side])
    return on, sheet_uv[model.source_V[on]]


_OPEN_CM = 0.2
"""Gap between the lips from which on the mouth is lit as an open one."""
MOUTH_REGIONS = ("teeth", "gums_tongue", "mouth_socket")


@cache
def mouth_vertices() -> Ints:
    """Split vertices of what a mouth hides: they show a plain colour, no sheet."""
    model = head_model()
    rows = [model.region_names.index(name) for name in MOUTH_REGIONS]
    return np.unique(model.split_T3[np.isin(model.region_T, rows)]).astype(np.int32)


def light_in_mouth(posed_V3: Floats) -> float:
    """0.1..1: how much light a mouth lets in; between closed lips no teeth shine."""
    of = head_model().landmarks_68
    gap = float((posed_V3[of[[61, 62, 63]], 1] - posed_V3[of[[67, 66, 65]], 1]).mean())
    return float(np.clip(gap / _OPEN_CM, 0.1, 1.0))


def mouth_colours(teeth_rgb: tuple[float, float, float]) -> Floats:
    """Colour factors of split vertices: white but for the mouth's inside."""
    model = head_model()
    colour = np.ones((len(model.uv_V2), 3), np.float32)
    for region, rgb in zip(
        MOUTH_REGIONS, (teeth_rgb, (0.55, 0.20, 0.18), (0.30, 0.055, 0.055)), strict=True
    ):
        on = np.unique(model.split_T3[model.region_T == model.region_names.index(region)])
        colour[on] = rgb
    colour[model.tongue_mask[model.source_V]] = (0.46, 0.14, 0.14)
    return colour
