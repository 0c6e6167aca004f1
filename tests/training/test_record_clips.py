"""Records of clips: where the driver holds still as the reference, the warp is the truth."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from avatar.model.presets import NANO_HEAD
from avatar.motion.neutral import Neutral
from avatar.training import record_clips
from avatar.training.records import RecordWriter, read_record

NUM_FRAMES = 12


@pytest.fixture(scope="module")
def still(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip in which a person does nothing at all."""
    bgr = cv2.imread(str(media / "reference" / "photo_astronaut_nasa.png"))
    rgb_HW3 = np.ascontiguousarray(cv2.resize(bgr, (512, 512))[..., ::-1])
    path = tmp_path_factory.mktemp("clips") / "astronaut.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 512, 512, "bgr0"
        for _ in range(NUM_FRAMES):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb_HW3, format="rgb24")))
        file.mux(stream.encode())
    return path


def _error(clip: Path, folder: Path) -> float:
    """Mean absolute error of the records' warps, 0..2."""
    writer = RecordWriter(folder, "a still picture")
    count = record_clips.record_clip(clip, writer, NANO_HEAD, num_references=1, stride=1)
    assert count == 1, "the first frames only settle the tracker; what is left fills one record"
    record = read_record(folder / f"{clip.stem}__00000.npz")
    return float(np.abs(record["warp"][:, :3] - record["target"][:, :3]).mean())


def test_a_driver_at_rest_is_the_reference_since_the_neutral_has_settled(
    still: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = _error(still, tmp_path / "settled")
    monkeypatch.setattr(
        record_clips, "neutral_of", lambda picture, geometry: Neutral.of_reference(geometry)
    )
    single_look = _error(still, tmp_path / "single")
    assert settled < 0.01
    assert settled < 0.5 * single_look
