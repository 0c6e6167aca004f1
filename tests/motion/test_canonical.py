"""How the canonical face is made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from avatar.motion import canonical
from avatar.motion import topology as topo
from avatar.motion.tracker import mesh_edges
from tests.motion import synthetic


def test_edge_table_gives_the_shipped_triangles():
    triangles = {tuple(sorted(t)) for t in canonical.face_triangles(mesh_edges())}
    assert triangles == {tuple(sorted(t)) for t in topo.face_triangles().tolist()}


def test_mean_of_turned_and_scaled_faces_is_the_face_again():
    rng = np.random.default_rng(3)
    faces = []
    for _ in range(8):
        yaw, pitch, roll = rng.uniform(-0.3, 0.3, 3)
        seen = synthetic.landmarks(yaw=yaw, pitch=pitch, roll=roll, scale=rng.uniform(30, 90))
        faces.append(seen.astype(np.float64) + rng.normal(0, 0.05, seen.shape))
    arrays = canonical.build(faces, mesh_edges())
    assert (arrays["mirror_N"] == topo.mirror_map()).all()
    # The mean's pitch is the median pitch of the heads: compare up to a similarity.
    mean, truth = arrays["canonical_N3"].astype(np.float64), topo.canonical_face()
    scale, rotation, shift = canonical.similarity_fit(mean, truth.astype(np.float64))
    fitted = scale * mean @ rotation.T + shift
    assert np.linalg.norm(fitted - truth, axis=1).max() < 0.01


def test_neutral_of_refuses_open_mouths_and_turned_heads():
    opened = synthetic.landmarks(synthetic.open_mouth(synthetic.open_eyes(), 0.3))
    turned = synthetic.landmarks(synthetic.open_eyes(), yaw=0.7)
    assert canonical.neutral_of([opened, turned]) is None
    assert canonical.neutral_of([opened, synthetic.landmarks(synthetic.open_eyes())]) is not None


@pytest.mark.media
def test_command_says_when_there_are_too_few_faces(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "face.npz"
    status = canonical.main(
        ["--output", str(output), str(media / "reference" / "noface_background.jpg")]
    )
    assert status == 1
    assert "0 usable faces" in capsys.readouterr().out
    assert not output.exists()
