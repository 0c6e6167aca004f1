"""Makes `face_topology.npz`: triangles of the tracker's edge table, a mean face of its output.

    python -m avatar.motion.canonical --output avatar/motion/face_topology.npz PICTURE_OR_CLIP...

Knows how the data of `topology.py` came to be; nothing imports it at run time. Every person found
in a picture or clip gives one neutral face (the median of the frames with closed lips, open eyes
and a near-frontal head); generalised Procrustes analysis (Gower 1975) over them, each with its
mirror image, gives the symmetric mean. Give it only media whose licence permits derived data.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from avatar.frames import NUM_LANDMARKS, FloatArray
from avatar.motion import topology as topo
from avatar.motion.tracker import FaceLocator, FaceTracker, mesh_edges

Triangle = tuple[int, int, int]
Edge = tuple[int, int]

NUM_SKIN_LANDMARKS = 468
NUM_FACE_TRIANGLES = 852
NUM_ASYMMETRIC_EDGES = 6
MAX_FRAMES_PER_CLIP = 150
MIN_PEOPLE = 5
MIN_FACE_PX = 24.0
"""Smallest inter-ocular distance of a face that may shape the mean."""


def face_triangles(edges: Iterable[Edge]) -> list[Triangle]:
    """The triangles an edge table bounds: its 3-cliques less those that are not faces.

    A clique that is no face shares all its edges with two real faces each, so that its three edges
    each lie in three cliques; the nostril wings hold one such clique each.
    """
    linked: dict[int, set[int]] = {}
    for a, b in edges:
        linked.setdefault(a, set()).add(b)
        linked.setdefault(b, set()).add(a)
    cliques = [
        (a, b, c)
        for a in sorted(linked)
        for b in sorted(linked[a])
        for c in sorted(linked[a] & linked[b])
        if a < b < c
    ]
    uses = Counter(edge for clique in cliques for edge in combinations(clique, 2))
    faces = [c for c in cliques if not all(uses[edge] == 3 for edge in combinations(c, 2))]
    num_edges = len(uses)
    # A disc with three holes (eyes and mouth) has Euler characteristic -2.
    assert len(linked) - num_edges + len(faces) == -2, "the edge table is not the face mesh"
    assert len(faces) == NUM_FACE_TRIANGLES
    return faces


def strip_triangles(upper: NDArray[np.intp], lower: NDArray[np.intp]) -> NDArray[np.int32]:
    """Triangles between two contours that share their first and last landmark."""
    triangles: list[Triangle] = []
    last = len(upper) - 1
    for i in range(last):
        a, b, c, d = (int(v) for v in (upper[i], upper[i + 1], lower[i + 1], lower[i]))
        if i > 0:
            triangles.append((a, c, d))
        if i < last - 1:
            triangles.append((a, b, c))
    return np.array(triangles, dtype=np.int32)


def similarity_fit(
    source_N3: NDArray[np.float64], target_N3: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Scale, rotation, translation taking source to target (Umeyama 1991, least squares)."""
    source_mean, target_mean = source_N3.mean(0), target_N3.mean(0)
    source, target = source_N3 - source_mean, target_N3 - target_mean
    u, s, vt = np.linalg.svd(target.T @ source)
    sign = np.ones(3)
    sign[2] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign) @ vt
    scale = float((s * sign).sum() / (source**2).sum())
    return scale, rotation, target_mean - scale * rotation @ source_mean


def mirror_map(face_N3: NDArray[np.float64], edges: set[Edge]) -> NDArray[np.intp]:
    """The landmark at each landmark's mirror place, checked to map edges onto edges."""
    centred = face_N3 - face_N3.mean(0)
    # The mean may still be turned: a first fit by landmarks whose mirror places are known.
    known = np.array([263, 362, 33, 133, 291, 61, topo.FOREHEAD_TOP, topo.CHIN, topo.NOSE_TIP])
    mirrored = np.array([33, 133, 263, 362, 61, 291, topo.FOREHEAD_TOP, topo.CHIN, topo.NOSE_TIP])
    flipped = centred * (-1.0, 1.0, 1.0)
    scale, rotation, shift = similarity_fit(flipped[known], centred[mirrored])
    flipped = scale * flipped @ rotation.T + shift
    for _ in range(5):
        distance = np.linalg.norm(flipped[:, None] - centred[None], axis=2)
        distance[:NUM_SKIN_LANDMARKS, NUM_SKIN_LANDMARKS:] = 1e3
        distance[NUM_SKIN_LANDMARKS:, :NUM_SKIN_LANDMARKS] = 1e3
        mirror = linear_sum_assignment(distance)[1]
        scale, rotation, shift = similarity_fit(centred * (-1.0, 1.0, 1.0), centred[mirror])
        flipped = scale * (centred * (-1.0, 1.0, 1.0)) @ rotation.T + shift
    assert (mirror[mirror] == np.arange(NUM_LANDMARKS)).all(), "the mirror map is no involution"
    images = {tuple(sorted((int(mirror[a]), int(mirror[b])))) for a, b in edges}
    # Three quads on either side (nostrils, upper lid) are cut along different diagonals.
    assert len(images - edges) <= NUM_ASYMMETRIC_EDGES, "the mirror map tears the mesh"
    return np.asarray(mirror, dtype=np.intp)


def symmetric_mean(
    faces: list[NDArray[np.float64]], mirror: NDArray[np.intp] | None
) -> NDArray[np.float64]:
    """Generalised Procrustes mean of faces (and of their mirror images, where a map is given)."""
    shapes = [face - face.mean(0) for face in faces]
    if mirror is not None:
        shapes += [(shape * (-1.0, 1.0, 1.0))[mirror] for shape in shapes]
    mean = shapes[0] / np.linalg.norm(shapes[0])
    for _ in range(20):
        fitted = []
        for shape in shapes:
            scale, rotation, shift = similarity_fit(shape, mean)
            fitted.append(scale * shape @ rotation.T + shift)
        mean = np.median(fitted, axis=0)
        mean /= np.linalg.norm(mean - mean.mean(0))
        if mirror is not None:
            mean = 0.5 * (mean + (mean * (-1.0, 1.0, 1.0))[mirror])
    return np.asarray(mean)


def to_head_space(face_N3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale to inter-ocular distance 1 and move the origin to the head's centre."""
    corners = face_N3[topo.EYE_CORNERS]
    face_N3 = face_N3 / np.linalg.norm(corners[:2].mean(0) - corners[2:].mean(0))
    ears = face_N3[topo.EAR_SIDES].mean(0)
    middle = 0.5 * (face_N3[topo.FOREHEAD_TOP] + face_N3[topo.CHIN])
    return np.asarray(face_N3 - (ears[0], middle[1], ears[2]))


def upright(
    face_N3: NDArray[np.float64], observed: list[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Turn about the ear axis so that the observed heads, who look ahead, have median pitch 0."""
    pitches = []
    for seen in observed:
        rotation = similarity_fit(face_N3, seen)[1]
        pitches.append(np.arctan2(rotation[2, 1], rotation[2, 2]))
    angle = float(np.median(pitches))
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return np.asarray(face_N3 @ turn.T)


def neutral_of(frames: list[FloatArray]) -> NDArray[np.float64] | None:
    """Median of the frames with closed lips, open eyes, a near-frontal head; None without any."""
    usable = []
    for landmarks in frames:
        face = landmarks.astype(np.float64)
        corners = face[topo.EYE_CORNERS]
        left, right = corners[:2].mean(0), corners[2:].mean(0)
        unit = float(np.linalg.norm(left - right))
        if np.linalg.norm((left - right)[:2]) < MIN_FACE_PX:
            continue
        lips = np.linalg.norm(face[13] - face[14]) / unit
        lids = np.linalg.norm(face[[386, 159]] - face[[374, 145]], axis=1) / unit
        is_frontal = abs(left[2] - right[2]) < 0.3 * unit
        if lips < 0.06 and lids.min() > 0.07 and is_frontal:
            usable.append((face - face.mean(0)) / unit)
    if not usable:
        return None
    first = usable[0]
    aligned = []
    for face in usable:
        scale, rotation, shift = similarity_fit(face, first)
        aligned.append(scale * face @ rotation.T + shift)
    return np.asarray(np.median(aligned, axis=0))


def build(faces: list[NDArray[np.float64]], edges: set[Edge]) -> dict[str, NDArray[np.generic]]:
    """All arrays of `face_topology.npz` from one neutral face per person and the edge table."""
    mirror = mirror_map(symmetric_mean(faces, None), edges)
    mean = to_head_space(upright(symmetric_mean(faces, mirror), faces))
    triangles = []
    for a, b, c in face_triangles(edges):
        (ax, ay), (bx, by), (cx, cy) = mean[a, :2], mean[b, :2], mean[c, :2]
        is_clockwise = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) > 0
        triangles.append((a, b, c) if is_clockwise else (a, c, b))
    # Upper contours from picture left (subject's right) to picture right wind clockwise.
    return {
        "face_triangles_T3": np.array(triangles, dtype=np.int16),
        "mouth_triangles_T3": strip_triangles(topo.LIPS_INNER_UPPER, topo.LIPS_INNER_LOWER).astype(
            np.int16
        ),
        "left_eye_triangles_T3": strip_triangles(
            topo.LEFT_LID_UPPER[::-1], topo.LEFT_LID_LOWER[::-1]
        ).astype(np.int16),
        "right_eye_triangles_T3": strip_triangles(
            topo.RIGHT_LID_UPPER, topo.RIGHT_LID_LOWER
        ).astype(np.int16),
        "mirror_N": mirror.astype(np.int16),
        "canonical_N3": mean.astype(np.float32),
    }


def faces_of_picture(path: Path, locator: FaceLocator) -> list[list[FloatArray]]:
    """One list of frames (a single one) for each face of a picture."""
    with Image.open(path) as picture:
        rgb = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    return [[face.landmarks_N3] for face in locator.locate(rgb)]


def faces_of_clip(path: Path) -> list[list[FloatArray]]:
    """The frames of the person a tracker follows through a clip."""
    tracker = FaceTracker()
    frames: list[FloatArray] = []
    try:
        with av.open(str(path)) as clip:
            for index, frame in enumerate(clip.decode(video=0)):
                if index >= MAX_FRAMES_PER_CLIP:
                    break
                face = tracker.track(frame.to_ndarray(format="rgb24"), index / 25.0)
                if face is not None:
                    frames.append(face.landmarks_N3)
    finally:
        tracker.close()
    return [frames]


def main(arguments: list[str] | None = None) -> int:
    """Build the file from media; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m avatar.motion.canonical", description="Make the face topology's data."
    )
    parser.add_argument("media", nargs="+", type=Path, help="pictures and clips with faces")
    parser.add_argument("--output", type=Path, required=True, help="the .npz file to write")
    options = parser.parse_args(arguments)
    locator = FaceLocator()
    people: list[list[FloatArray]] = []
    try:
        for path in tqdm(options.media, desc="media", unit="file"):
            is_picture = path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
            people += faces_of_picture(path, locator) if is_picture else faces_of_clip(path)
    finally:
        locator.close()
    neutrals = [neutral for frames in people if (neutral := neutral_of(frames)) is not None]
    if len(neutrals) < MIN_PEOPLE:
        print(
            f"Only {len(neutrals)} usable faces (frontal, mouth closed, eyes open) in "
            f"{len(options.media)} files; {MIN_PEOPLE} are needed. Give more media."
        )
        return 1
    np.savez_compressed(options.output, **build(neutrals, mesh_edges()))
    print(f"{options.output}: mean of {len(neutrals)} faces.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
