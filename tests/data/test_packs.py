"""Originals become packs: their text formats are read as they mean, damage is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from avatar.__main__ import main
from avatar.data.assets import Pack, load_pack
from avatar.data.pack_body import body_pack, wardrobe_pack
from avatar.data.pack_face import REGIONS, SEATS, _eyes, _tongue, face_pack
from avatar.data.pack_files import Mesh, read_mesh
from avatar.errors import AssetError

SQUARE = """# a long square and a triangle
v 0 0 0
v 3 0 0
v 3 1 0
v 1 1.5 0
v 0 5 0
vt 0 0
vt 1 0
vt 1 1
g low
f 1/1 2/2 3/3 4/1
g joint-x
f 1/1 4/2 5/3
"""


@pytest.fixture
def square(tmp_path: Path) -> Path:
    path = tmp_path / "square.obj"
    path.write_text(SQUARE, encoding="utf-8")
    return path


def test_quadrangles_are_cut_along_the_shorter_diagonal(square: Path) -> None:
    mesh = read_mesh(square, "g")
    tri, places, polygon = mesh.triangles()
    assert tri.tolist() == [[0, 1, 3], [1, 2, 3], [0, 3, 4]]
    assert places.tolist() == [[0, 1, 0], [1, 2, 0], [0, 1, 2]]
    assert polygon.tolist() == [0, 0, 1]
    assert mesh.triangles(is_shorter_cut=False)[0].tolist()[:2] == [[0, 1, 2], [0, 2, 3]]
    assert [mesh.groups[g] for g in mesh.group_P] == ["low", "joint-x"]


def test_a_line_that_breaks_off_is_named(square: Path) -> None:
    square.write_text(SQUARE.replace("v 3 1 0", "v 3 1"), encoding="utf-8")
    with pytest.raises(AssetError, match=r"square\.obj: expected 3 numbers"):
        read_mesh(square, "g")


def _model(assets: Path) -> tuple[Pack, Mesh]:
    pack = load_pack("face", assets)
    quads, material = pack["quads"], np.zeros(len(pack["quads"]), np.int32)
    material[pack["tri_poly"]] = pack["tri_material"]
    return pack, Mesh(
        pack["neutral"].astype(np.float64), pack["uv"].astype(np.float64), quads,
        pack["quads_uv"], material, tuple(f"M_{name}" for name in pack["material_names"]),
    )  # fmt: skip


def test_the_face_models_eyes_tongue_and_triangles_are_found_as_in_the_pack(assets: Path) -> None:
    pack, mesh = _model(assets)
    tri, tri_uv, polygon = mesh.triangles()
    np.testing.assert_array_equal(tri, pack["tri"])
    np.testing.assert_array_equal(tri_uv, pack["tri_uv"])
    eyes = _eyes(mesh, tri, tri_uv, mesh.group_P[polygon])
    np.testing.assert_array_equal(eyes["eye_tri_part"], pack["eye_tri_part"])
    for name in ("eye_center", "eye_radius", "eye_axis"):
        np.testing.assert_allclose(eyes[name], pack[name], atol=1e-5)
    sizes = [int((pack["vertex_region"] == k).sum()) for k in range(len(REGIONS))]
    assert sizes == [size for _, size in REGIONS]
    assert [name for name, _ in REGIONS] == pack["region_names"].tolist()
    in_mouth = pack["tri_region"] == pack["region_names"].tolist().index("gums_tongue")
    np.testing.assert_array_equal(_tongue(mesh, tri, tri_uv, in_mouth), pack["tongue_mask"])
    scales = [seat[1] for seat in SEATS]
    np.testing.assert_allclose(np.array(scales, np.float32), pack["mh_align_scale"], rtol=1e-6)


def test_another_model_is_refused(square: Path) -> None:
    square.rename(square.parent / "generic_neutral_mesh.obj")
    with pytest.raises(AssetError, match="5 vertices, expected 26719"):
        face_pack(square.parent)


@pytest.fixture
def body(tmp_path: Path, square: Path) -> Path:
    """A body of five vertices with one bone below another."""
    for name in ("3dobjs", "rigs", "targets/nose"):
        (tmp_path / name).mkdir(parents=True)
    square.rename(tmp_path / "3dobjs" / "base.obj")
    (tmp_path / "targets" / "nose" / "long.target").write_text("# a nose\n3 0 .25 -1.5\n4 0 0 0\n")
    (tmp_path / "targets" / "nose" / "baby.target").write_text("1 1 1 1\n")
    rig = {
        "bones": {
            "arm": {"head": "b", "tail": "c", "parent": "root"},
            "root": {"head": "a", "tail": "b", "parent": None},
        },
        "joints": {"a": [0], "b": [1, 2], "c": [4]},
    }
    (tmp_path / "rigs" / "default.mhskel").write_text(json.dumps(rig))
    weights = {"arm": [[1, 0.5], [2, 3.0]], "root": [[1, 1.5]]}
    (tmp_path / "rigs" / "default_weights.mhw").write_text(json.dumps({"weights": weights}))
    return tmp_path


def test_a_body_keeps_its_targets_bones_and_weights(body: Path) -> None:
    pack = body_pack(body)
    assert pack["tri"].tolist() == [[0, 1, 3], [1, 2, 3]]  # joint cubes are not drawn
    assert pack["target_names"].tolist() == ["nose/long"]
    assert pack["target_idx"].tolist() == [3]
    np.testing.assert_allclose(pack["target_delta"] * pack["target_scale"], [[0, 0.25, -1.5]])
    assert pack["bone_names"].tolist() == ["root", "arm"]
    assert pack["bone_parent"].tolist() == [-1, 0]
    np.testing.assert_allclose(pack["bone_head"], np.array([[0, 0, 0], [3, 0.5, 0]], np.float32))
    row = slice(*pack["weight_ptr"][1:3])
    assert pack["weight_bone"][row].tolist() == [0, 1]
    np.testing.assert_allclose(pack["weight_val"][row], [0.75, 0.25])
    assert pack["top4_bone"][0].tolist() == [0, 0, 0, 0]  # what no bone holds follows the root


def test_a_damaged_rig_is_named(body: Path) -> None:
    (body / "rigs" / "default.mhskel").write_text("{")
    with pytest.raises(AssetError, match=r"default\.mhskel: damaged"):
        body_pack(body)


def test_clothes_keep_what_they_hang_on(square: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clothes" / "cape"
    folder.mkdir(parents=True)
    square.rename(folder / "cape.obj")
    (folder / "cape.mhclo").write_text(
        "name cape\nobj_file cape.obj\nx_scale 5 9 1.5\nverts 0\n7\n"
        + "1 2 3 .5 .25 .25 0 .1 0\n" * 4
        + "delete_verts\n3 - 5 9\n"
    )
    pack = wardrobe_pack(tmp_path)
    assert pack["names"].tolist() == ["cape"]
    assert pack["cape/ref"][0].tolist() == [7, 0, 1]
    assert pack["cape/ref_w"][:2].tolist() == [[1, 0, 0], [0.5, 0.25, 0.25]]
    assert pack["cape/delete_verts"].tolist() == [3, 4, 5, 9]
    assert pack["cape/scale_verts"].tolist() == [[5, 9], [-1, -1], [-1, -1]]
    np.testing.assert_allclose(pack["cape/scale_denom"], [1.5, 1, 1])


def test_converting_without_originals_says_how_to_bring_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "assets", "--convert", str(tmp_path)]) == 1
    errors = capsys.readouterr().err
    assert errors.count("--fetch") == 3
    assert "ict-facekit" in errors
