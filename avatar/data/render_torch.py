"""Whole pictures of a person for a batch of frames, in plain torch on any device.

The plain case of `avatar.data.render`: no cut-out sheets, every sample shaded by itself. Knows the
order of the passes (visibility, shadow maps, surface, shading, spread under skin, resolve); the
formulas are in `shade_torch`, visibility in `raster_torch`. Frames share a person, lights and
background; each has its own pose and camera.

Shape legend: as in avatar.data.shade_torch; N vertices of one picture, H, W samples or pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from avatar.data.camera import Camera
from avatar.data.glow import SKIN_REACH_CM
from avatar.data.raster_torch import raster_batch
from avatar.data.render import Quality, shadow_frame
from avatar.data.resolve import SRGB_CURVE
from avatar.data.scene import Kind, Lights, Scene
from avatar.data.shade_formulas import shadow_taps
from avatar.data.shade_torch import Lamps, Surface, bilinear, shade_samples, unit


def _stack(arrays: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


def _padded(scenes: Sequence[Scene], device: torch.device) -> Tensor:
    """(B, T, 3) triangles; frames with fewer get empty ones at their end."""
    num = max(len(s.triangles_T3) for s in scenes)
    out = np.zeros((len(scenes), num, 3), np.int64)
    for b, scene in enumerate(scenes):
        out[b, : len(scene.triangles_T3)] = scene.triangles_T3
    return torch.from_numpy(out).to(device)


def render_batch(
    scenes: Sequence[Scene],
    cameras: Sequence[Camera],
    lights: Lights,
    background_HW3: Tensor,
    quality: Quality | None = None,
) -> tuple[Tensor, Tensor]:
    """(rgb (B, H, W, 3) uint8, alpha (B, H, W) uint8) on the device of the background (0..1).

    Raises ValueError where a scene has cut-out parts or frames have other numbers of vertices.
    """
    quality = quality or Quality()
    device = background_HW3.device
    if any(scene.cut_T for scene in scenes):
        raise ValueError("the torch path draws no cut-out parts: use avatar.data.render")
    if len({len(scene.vertices_V3) for scene in scenes}) != 1:
        raise ValueError("a batch shows one person: numbers of vertices differ")
    fine = [camera.scaled(quality.samples) for camera in cameras]
    numpy_screens = [c.project(s.vertices_V3) for c, s in zip(fine, scenes, strict=True)]
    triangles = _padded(scenes, device)
    screen = _stack(numpy_screens).to(device)
    index, near = raster_batch(screen, triangles, fine[0].size_hw)
    surface = _surfaces(scenes, fine, screen, triangles, index)
    lamps = _lamps(scenes, fine, numpy_screens, triangles, lights, quality, device)
    light_M3, mirror_M3 = shade_samples(surface, lamps)
    covered = index >= 0
    light = torch.zeros((*index.shape, 3), device=device)
    light[covered] = light_M3
    if quality.glow_taps:
        skin = torch.zeros_like(covered)
        skin[covered] = surface.kind_M == Kind.SKIN
        focal = torch.tensor([c.focal_px for c in fine], device=device)
        light = _spread_under_skin(light, skin, near, focal, quality.glow_taps)
    linear = torch.zeros_like(light)
    linear[covered] = light[covered] * surface.albedo_M3 + mirror_M3
    return _resolve(linear, covered, lights.exposure, quality.samples, background_HW3)


def _surfaces(
    scenes: Sequence[Scene], cameras: Sequence[Camera], screen_BN3: Tensor, triangles_BT3: Tensor,
    index_BHW: Tensor,
) -> Surface:  # fmt: skip
    """What each covered sample shows, perspective-correct."""
    device, num = screen_BN3.device, screen_BN3.shape[1]
    picture, row, column = (index_BHW >= 0).nonzero(as_tuple=True)
    triangle = index_BHW[picture, row, column]
    corner_M3 = triangles_BT3[picture, triangle] + picture[:, None] * num

    def flat(name: str) -> Tensor:
        values = _stack([getattr(s, name) for s in scenes]).to(device)
        return values.reshape(len(scenes) * num, -1)

    on_screen = screen_BN3.reshape(-1, 3)[corner_M3]
    a, b, c = on_screen.unbind(1)
    e, f = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    d = torch.stack([column + 0.5, row + 0.5], -1) - a[:, :2]
    area = e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0]
    kb = ((d[:, 0] * f[:, 1] - d[:, 1] * f[:, 0]) / area).clamp(-0.5, 1.5)
    kc = ((e[:, 0] * d[:, 1] - e[:, 1] * d[:, 0]) / area).clamp(-0.5, 1.5)
    weight = torch.stack([1 - kb - kc, kb, kc], -1) * on_screen[..., 2]
    weight = (weight / weight.sum(-1, keepdim=True))[..., None]
    corners = flat("vertices_V3")[corner_M3]
    uv_corners = flat("uv_V2")[corner_M3]
    point, uv = (corners * weight).sum(1), (uv_corners * weight).sum(1)
    normal = unit((flat("normals_V3")[corner_M3] * weight).sum(1))
    eyes = torch.from_numpy(np.stack([c.position_3 for c in cameras])).to(device)
    materials = np.concatenate([s.materials_MP for s in scenes]).astype(np.float32)
    most = triangles_BT3.shape[1]
    rows = np.zeros((len(scenes), most), np.int64)
    for k, scene in enumerate(scenes):
        rows[k, : len(scene.material_T)] = scene.material_T + k * len(scene.materials_MP)
    material = torch.from_numpy(materials).to(device)[
        torch.from_numpy(rows).to(device)[picture, triangle]
    ]
    texture = torch.from_numpy(scenes[0].texture_HW4).to(device)
    size = texture.shape[0]
    texel = bilinear(texture, uv[:, 0] * size - 0.5, uv[:, 1] * size - 0.5)
    heights = torch.from_numpy(scenes[0].height_HW).to(device)[..., None]
    normal = _bumped(normal, corners, uv_corners * size, uv * size - 0.5, material[:, 7], heights)
    colour = (flat("colour_V3")[corner_M3] * weight).sum(1)
    return Surface(
        picture, row, column, material[:, 0].round().long(), material, point, normal,
        corners[:, 1] - corners[:, 0], unit(eyes[picture] - point), texel, texel[:, :3] * colour,
        (flat("occlusion_V")[corner_M3] * weight).sum(1), area > 0,
    )  # fmt: skip


def _bumped(
    normal_M3: Tensor, corners_M33: Tensor, uv_M32: Tensor, at_M2: Tensor, bump_M: Tensor,
    heights_HW1: Tensor,
) -> Tensor:  # fmt: skip
    """Normals tilted by the slope of the height sheet."""
    first, second = corners_M33[:, 1] - corners_M33[:, 0], corners_M33[:, 2] - corners_M33[:, 0]
    d1, d2 = uv_M32[:, 1] - uv_M32[:, 0], uv_M32[:, 2] - uv_M32[:, 0]
    det = (d1[:, 0] * d2[:, 1] - d2[:, 0] * d1[:, 1])[:, None]
    along_u = first * d2[:, 1:] - second * d1[:, 1:]
    along_v = second * d1[:, :1] - first * d2[:, :1]
    x, y = at_M2.unbind(-1)
    rise_u = bilinear(heights_HW1, x + 0.7, y) - bilinear(heights_HW1, x - 0.7, y)
    rise_v = bilinear(heights_HW1, x, y + 0.7) - bilinear(heights_HW1, x, y - 0.7)
    scale = bump_M[:, None] / 1.4 * det
    tilt_u = scale * rise_u / ((along_u * along_u).sum(-1, keepdim=True) + 1e-12)
    tilt_v = scale * rise_v / ((along_v * along_v).sum(-1, keepdim=True) + 1e-12)
    tilted = unit(normal_M3 - tilt_u * along_u - tilt_v * along_v)
    return torch.where((bump_M[:, None] > 0) & (det != 0), tilted, normal_M3)


def _lamps(
    scenes: Sequence[Scene], cameras: Sequence[Camera],
    screens: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float32]]], triangles_BT3: Tensor,
    lights: Lights, quality: Quality, device: torch.device,
) -> Lamps:  # fmt: skip
    """Lights with shadow maps drawn on the device."""
    texels = quality.shadow_texels
    frames = [
        shadow_frame(s, lights, texels, screen, c.size_hw)
        for s, c, screen in zip(scenes, cameras, screens, strict=True)
    ]
    matrices = _stack([matrix for matrix, _ in frames]).to(device)
    vertices = _stack([s.vertices_V3 for s in scenes]).to(device)
    maps = torch.zeros((len(scenes), matrices.shape[1], texels, texels), device=device)
    for k in range(matrices.shape[1]):
        if lights.has_shadow_L[k]:
            placed = vertices @ matrices[:, k, :, :3].transpose(1, 2) + matrices[:, k, None, :, 3]
            maps[:, k] = raster_batch(placed.contiguous(), triangles_BT3, (texels, texels))[1]

    def tensor(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(device)

    mirror = lights.ambient_93 if lights.mirror_93 is None else lights.mirror_93
    return Lamps(
        tensor(lights.direction_L3), tensor(lights.colour_L3), tensor(lights.size_L),
        torch.from_numpy(lights.is_key_L == 1), tensor(lights.ambient_93), tensor(mirror), maps,
        matrices, torch.tensor([scale for _, scale in frames], device=device),
        torch.from_numpy(lights.has_shadow_L == 1), tensor(shadow_taps(quality.shadow_taps)),
    )  # fmt: skip


def _spread_under_skin(
    light_BHW3: Tensor, skin_BHW: Tensor, near_BHW: Tensor, focal_B: Tensor, taps: int
) -> Tensor:
    """The spread of `avatar.data.glow`, sample by sample."""
    device = light_BHW3.device
    radius = SKIN_REACH_CM * focal_B[:, None, None] * near_BHW
    step = radius / taps
    batch, height, width = skin_BHW.shape
    b, y, x = torch.meshgrid(
        *(torch.arange(n, device=device) for n in (batch, height, width)), indexing="ij"
    )
    sigma = torch.tensor([1.0, 0.42, 0.25], device=device)
    current = light_BHW3
    for dx, dy in ((1, 0), (0, 1)):
        total, mass = current.clone(), torch.ones_like(current)
        for k in range(-taps, taps + 1):
            if k == 0:
                continue
            shift = (step * k).round().long()
            i, j = y + dy * shift, x + dx * shift
            inside = (i >= 0) & (i < height) & (j >= 0) & (j < width)
            i, j = i.clamp(0, height - 1), j.clamp(0, width - 1)
            alike = (near_BHW[b, i, j] / near_BHW.clamp(min=1e-9) - 1).abs() <= 0.02
            taken = inside & skin_BHW[b, i, j] & alike & (step > 0.35)
            weight = torch.exp(-0.5 * (3.0 * abs(k) / taps / sigma) ** 2) * taken[..., None]
            total, mass = total + weight * current[b, i, j], mass + weight
        current = torch.where(skin_BHW[..., None], total / mass, current)
    return current.clamp(min=0)


def _resolve(
    linear_BHW3: Tensor, covered_BHW: Tensor, exposure: float, samples: int, background_HW3: Tensor
) -> tuple[Tensor, Tensor]:
    """Tone every sample, average them into pixels, lay them over the background."""
    curve = torch.from_numpy(SRGB_CURVE).to(linear_BHW3.device)
    v = (linear_BHW3 * exposure).clamp(min=0)
    v = v * (1 + v / (2.6 * 2.6)) / (1 + 0.72 * v) * 1.18
    at = v.clamp(max=1) * (len(curve) - 1)
    low = at.long().clamp(max=len(curve) - 2)
    shown = (curve[low] + (curve[low + 1] - curve[low]) * (at - low)) * covered_BHW[..., None]
    both = torch.cat([shown, covered_BHW[..., None].float()], -1)
    batch, height, width = covered_BHW.shape
    size = (batch, height // samples, samples, width // samples, samples, 4)
    pixels = both.reshape(size).mean((2, 4))
    alpha = pixels[..., 3:]
    rgb = pixels[..., :3] + background_HW3 * (1 - alpha)
    to_bytes = (torch.cat([rgb, alpha], -1) * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    return to_bytes[..., :3], to_bytes[..., 3]
