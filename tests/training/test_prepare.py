"""Preparing real media: stretches without gaps, squares inside the picture, stills that move."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from avatar.errors import ClipError
from avatar.motion import topology as topo
from avatar.training.people import PersonClip
from avatar.training.prepare import _square, clips_of, person_of, poses_of


def _moving_face(
    centre: tuple[float, float], scale: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    face = (scale * topo.canonical_face()).astype(np.float32)
    face[:, :2] += centre
    return np.stack([face, face + np.array([5.0, 0.0, 0.0], np.float32)])


@pytest.mark.parametrize("centre", [(320.0, 200.0), (40.0, 40.0), (600.0, 440.0)])
@pytest.mark.parametrize("scale", [20.0, 60.0, 150.0])
def test_the_square_stays_inside_the_picture(centre: tuple[float, float], scale: float) -> None:
    left, top, side = _square(_moving_face(centre, scale), (480, 640))
    assert 0 <= left <= left + side <= 640
    assert 0 <= top <= top + side <= 480


def test_a_name_says_who_it_is() -> None:
    assert person_of(Path("anna--second take.mp4")) == person_of(Path("anna.mp4")) == "anna"


@pytest.mark.media
def test_a_real_clip_becomes_a_stretch_with_landmarks_on_the_face(media: Path) -> None:
    clips = list(clips_of(media / "driving" / "close_cisco_man_webcam.mp4"))
    assert clips
    _check(clips[0])
    assert len(clips[0].rgb_FHW3) >= 8


@pytest.mark.media
def test_a_photograph_is_the_target_and_never_the_reference(media: Path, tmp_path: Path) -> None:
    picture = tmp_path / "boy.jpg"
    shutil.copy(media / "reference" / "ai_la_boy.jpg", picture)
    poses = list(poses_of(picture))
    assert len({float(p.references[0].geometry.rotation_33[0, 2]) for p in poses}) == len(poses)
    for pose in poses:
        _check(pose)
        reference = pose.references[0]
        moved = reference.geometry.landmarks_N3 - pose.landmarks_FN3[0]
        assert np.abs(moved[:, :2]).max() > 2.0
        assert len(pose.references) == 1
    with pytest.raises(ClipError, match="not a picture"):
        next(poses_of(tmp_path / "notes.txt"))


def _check(clip: PersonClip) -> None:
    size = clip.background_HW3.shape[0]
    assert clip.rgb_FHW3.shape[1:] == (size, size, 3)
    points = clip.landmarks_FN3[..., :2]
    assert points.min() > -8.0, "a chin may leave a close-up by a hair"
    assert points.max() < size + 8.0
    # The face is inside the matte.
    x, y = np.rint(clip.landmarks_FN3[0, 4, :2]).astype(int)
    assert clip.alpha_FHW[0, y, x] > 200
