"""Labels of a rendered frame: flow to a reference frame, visibility, regions, head pose.

Worked out from two visibility buffers of the same person; knows geometry, not light. Pictures
have one sample per pixel here, at pixel centres.

Shape legend: H, W pixels; N 478 landmarks; V vertices; 2, 3 components.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar.data.camera import Camera
from avatar.data.render import Visible, raster_scene
from avatar.data.scene import Scene
from avatar.jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

DEPTH_TOLERANCE = 0.004
"""Share of its depth by which a point may lie behind the reference's surface and count as seen."""


@dataclass(slots=True)
class View:
    """One person, pose and camera, rasterised at pixel centres."""

    scene: Scene
    camera: Camera
    screen_V3: Floats
    index_HW: Ints
    near_HW: Floats


def view_from(scene: Scene, camera: Camera, visible: Visible, samples: int) -> View:
    """A view from a picture's own samples: one per pixel, its surface taken at the centre."""
    screen = visible.screen_V3.copy()
    screen[:, :2] *= np.float32(1 / samples)
    index = np.ascontiguousarray(visible.index_HW[::samples, ::samples])
    near = np.ascontiguousarray(visible.near_HW[::samples, ::samples])
    return View(scene, camera, screen, index, near)


def view_of(scene: Scene, camera: Camera) -> View:
    """Rasterise a scene for labels."""
    screen = camera.project(scene.vertices_V3)
    index, near = raster_scene(scene, screen, camera.size_hw)
    return View(scene, camera, screen, index, near)


@kernel
def _flow_into(
    index: Ints, screen: Floats, triangles: Ints, ref_screen: Floats, ref_near: Floats,
    tolerance: float, flow: Floats, seen: Bytes,
) -> None:  # fmt: skip
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ax, ay = screen[a, 0], screen[a, 1]
            bx, by = screen[b, 0] - ax, screen[b, 1] - ay
            cx, cy = screen[c, 0] - ax, screen[c, 1] - ay
            px, py = x + np.float32(0.5) - ax, y + np.float32(0.5) - ay
            inverse = np.float32(1.0) / (bx * cy - by * cx)
            kb = (px * cy - py * cx) * inverse
            kc = (bx * py - by * px) * inverse
            # perspective-correct weights, then the reference's own perspective
            wa = (1.0 - kb - kc) * screen[a, 2]
            wb = kb * screen[b, 2]
            wc = kc * screen[c, 2]
            if ref_screen[a, 2] <= 0 or ref_screen[b, 2] <= 0 or ref_screen[c, 2] <= 0:
                continue
            wa /= ref_screen[a, 2]
            wb /= ref_screen[b, 2]
            wc /= ref_screen[c, 2]
            total = wa + wb + wc
            # homogeneous: sum of (position / w_ref) weights over sum of 1 / w_ref weights
            fx, fy = 0.0, 0.0
            na = wa * ref_screen[a, 2]
            nb = wb * ref_screen[b, 2]
            nc = wc * ref_screen[c, 2]
            share = na + nb + nc
            fx = (wa * ref_screen[a, 0] + wb * ref_screen[b, 0] + wc * ref_screen[c, 0]) / total
            fy = (wa * ref_screen[a, 1] + wb * ref_screen[b, 1] + wc * ref_screen[c, 1]) / total
            near = share / total
            flow[y, x, 0] = fx - (x + 0.5)
            flow[y, x, 1] = fy - (y + 0.5)
            ix, iy = int(np.floor(fx)), int(np.floor(fy))
            if 0 <= ix < width and 0 <= iy < height and near >= ref_near[iy, ix] * (1 - tolerance):
                seen[y, x] = 255


def flow_to(view: View, reference: View) -> tuple[Floats, Bytes]:
    """(flow_HW2, visibility_HW): where each pixel of `view` lies in `reference`, relative, in px.

    A pixel is visible (255) where its point is also seen in the reference. Background: 0, 0.
    """
    if len(view.screen_V3) != len(reference.screen_V3):
        raise ValueError("flow needs two views of the same person")
    height, width = view.index_HW.shape
    flow = np.zeros((height, width, 2), np.float32)
    seen = np.zeros((height, width), np.uint8)
    _flow_into(
        view.index_HW, view.screen_V3, view.scene.triangles_T3, reference.screen_V3,
        reference.near_HW, DEPTH_TOLERANCE, flow, seen,
    )  # fmt: skip
    return flow, seen


def regions(view: View) -> Bytes:
    """(H, W) `Label` of every pixel."""
    label = view.scene.label_T[view.index_HW]
    return np.where(view.index_HW >= 0, label, 0).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Head space to picture space, as in `avatar.frames.FaceMotion`."""

    rotation_33: Floats
    translation_2: Floats
    scale: float
    """Pixels per inter-ocular distance."""


def head_rotation(head_rotation_33: Floats, camera: Camera) -> Floats:
    """A head's world rotation as a rotation from head space (x right, y down) to the camera's."""
    flip = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
    return (camera.rotation_33 @ head_rotation_33 @ flip).astype(np.float32)


def head_pose(
    head_rotation_33: Floats, centre_3: Floats, iod_cm: float, camera: Camera
) -> HeadPose:
    """Pose of a head whose world rotation and centre are known."""
    at = camera.project(centre_3[None])[0]
    return HeadPose(
        head_rotation(head_rotation_33, camera),
        at[:2],
        float(camera.focal_px * at[2] * iod_cm),
    )
