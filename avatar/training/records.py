"""Examples on disk: the warp drawn and measured once, read by every train step that wants it.

Making an example (warp, maps, tracker) costs more than training on it; a record is what was made,
in bytes. One file per example, named `<recording>__<number>.npz`, so that several writers can add
to a folder and a resumed run sees what came since. The recording's name up to `--` says who it is.
Knows the format; does not know who makes records.

Legend: F frames, R references, H, W pixels, h, w feature cells, M face numbers.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatar.errors import AssetError
from avatar.model.presets import ModelPreset
from avatar.training.examples import Example, with_draws
from avatar.training.index_file import read_index

INFO_FILE = "records.json"
FORMAT = 2
CACHED_FILES = 8
WEBP_QUALITY = 92
WEIGHT_UNIT = 1.0 / 25.0
"""Region weights are stored as bytes of this unit: up to ten."""
PER_FRAME = ("warp", "map", "validity", "guidance", "face", "target", "weight")
PICTURES = ("warp", "target", "reference")
REFERENCE = ("reference", "reference_guidance", "reference_face", "reference_seen")
PLAIN = ("face", "reference_face", "reference_seen")


class RecordWriter:
    """Adds examples to a folder."""

    def __init__(self, folder: Path, description: str, *, is_compact: bool = False) -> None:
        """Raises AssetError where the folder already holds something else's records.

        `is_compact` writes pictures as WebP: a tenth of the size, to travel; slower to read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._is_compact = folder, is_compact
        path = folder / INFO_FILE
        if path.is_file() and _description(folder) != description:
            raise AssetError(
                f"{path}: says '{_description(folder)}', not '{description}'; "
                "choose another folder."
            )
        path.write_text(
            json.dumps({"format": FORMAT, "description": description}) + "\n", encoding="utf-8"
        )

    def has(self, recording: str, number: int) -> bool:
        """Whether a record was written already: recording goes on where it was stopped."""
        return self._path(recording, number).is_file()

    def add(self, recording: str, number: int, example: Example) -> None:
        """Write one example of a recording; never seen half-written."""
        path = self._path(recording, number)
        scratch = path.with_suffix(f".partial{os.getpid()}")
        save = np.savez_compressed if self._is_compact else np.savez
        packed = compact(pack(example)) if self._is_compact else pack(example)
        with scratch.open("wb") as file:
            save(file, **packed)
        scratch.replace(path)

    def _path(self, recording: str, number: int) -> Path:
        return self._folder / f"{recording}__{number:05d}.npz"


class RecordedExamples:
    """Records of a folder, drawn person by person: long recordings do not outweigh people."""

    def __init__(self, folder: Path, preset: ModelPreset, num_frames: int) -> None:
        """Raises AssetError where there is nothing to read."""
        self._preset, self._num_frames = preset, num_frames
        self._description = _description(folder)
        by_person = _by_person(folder)
        self._people = [by_person[person] for person in sorted(by_person)]
        if not self._people:
            raise AssetError(f"{folder}: holds no records; make some with `train record`.")
        self._read = lru_cache(CACHED_FILES)(read_packed)

    @property
    def description(self) -> str:
        """As written by whoever recorded, with the number of people."""
        return f"{self._description} ({len(self._people)} people)"

    @property
    def num_records(self) -> int:
        """Records of all people."""
        return sum(len(paths) for paths in self._people)

    def example(self, random: np.random.Generator) -> Example:
        """Some `num_frames` of a person's record; AssetError for one that is too short."""
        paths = self._people[int(random.integers(len(self._people)))]
        path = paths[int(random.integers(len(paths)))]
        packed = dict(self._read(path))
        spare = len(packed["face"]) - self._num_frames
        if spare < 0:
            raise AssetError(
                f"{path}: has {len(packed['face'])} frames, {self._num_frames} are asked for."
            )
        start = int(random.integers(spare + 1))
        for name in PER_FRAME:
            packed[name] = packed[name][start : start + self._num_frames]
        return with_draws(unpack(packed), self._preset, random)


def copy_records(folder: Path, target: Path, *, most: int, is_compact: bool) -> int:
    """Copy records, at most `most` of a person (0: all), spread evenly; returns how many."""
    writer = RecordWriter(target, _description(folder), is_compact=is_compact)
    count = 0
    for paths in _by_person(folder).values():
        step = max(1.0, len(paths) / most) if most else 1.0
        for index in range(min(len(paths), most or len(paths))):
            path = paths[int(index * step)]
            recording, number = path.stem.rsplit("__", 1)
            writer.add(recording, int(number), read_record(path))
            count += 1
    return count


def _by_person(folder: Path) -> dict[str, list[Path]]:
    by_person: dict[str, list[Path]] = {}
    for path in sorted(folder.glob("*__*.npz")):
        by_person.setdefault(path.stem.rsplit("__", 1)[0].split("--")[0], []).append(path)
    return by_person


def pack(example: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.generic]]:
    """Bytes and half floats of an example's lasting part; draws are made again when it is read."""
    packed: dict[str, NDArray[np.generic]] = {}
    for name in PICTURES:
        scaled = example[name].copy()
        scaled[..., :3, :, :] = (scaled[..., :3, :, :] + 1.0) * 0.5
        packed[name] = np.rint(scaled * 255.0).clip(0, 255).astype(np.uint8)
    for name in ("guidance", "reference_guidance"):
        packed[name] = np.rint(example[name] * 255.0).clip(0, 255).astype(np.uint8)
    packed["weight"] = np.rint(example["weight"] / WEIGHT_UNIT).clip(0, 255).astype(np.uint8)
    packed["map"] = example["map"].astype(np.float16)
    packed["validity"] = np.rint(example["validity"] * 127.0).astype(np.int8)
    for name in PLAIN:
        packed[name] = example[name].astype(np.float32)
    return packed


def compact(packed: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """Every picture as WebP, colours and coverage apart: `<name>_<index>` in place of `<name>`.

    Apart, because WebP forgets the colours of what is transparent.
    """
    result = {name: array for name, array in packed.items() if name not in PICTURES}
    for name in PICTURES:
        for index, picture in enumerate(packed[name]):
            bgr = np.ascontiguousarray(picture[[2, 1, 0]].transpose(1, 2, 0))
            result[f"{name}_{index}"] = _encoded(bgr)
            result[f"{name}_alpha_{index}"] = _encoded(picture[3])
    return result


def _encoded(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    done, data = cv2.imencode(
        ".webp", np.asarray(picture, np.uint8), [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]
    )
    assert done, "OpenCV is built with WebP"
    return np.asarray(data, np.uint8).ravel()


def _expanded(packed: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
    """The inverse of `compact`, but for WebP's loss; other records pass as they are."""
    result = dict(packed)
    for name in PICTURES:
        pictures: list[NDArray[np.generic]] = []
        while (data := result.pop(f"{name}_{len(pictures)}", None)) is not None:
            alpha = result.pop(f"{name}_alpha_{len(pictures)}")
            bgr_HW3 = cv2.imdecode(np.asarray(data, np.uint8), cv2.IMREAD_COLOR)
            alpha_HW = cv2.imdecode(np.asarray(alpha, np.uint8), cv2.IMREAD_GRAYSCALE)
            if bgr_HW3 is None or alpha_HW is None:
                raise ValueError(f"a picture of '{name}' cannot be decoded")
            pictures.append(np.dstack([bgr_HW3[..., ::-1], alpha_HW]).transpose(2, 0, 1))
        if pictures:
            result[name] = np.stack(pictures)
    return result


def unpack(packed: Mapping[str, NDArray[np.generic]]) -> Example:
    """The inverse of `pack`, within half a step of each format."""
    example: Example = {}
    for name in PICTURES:
        picture = packed[name].astype(np.float32) * np.float32(1.0 / 255.0)
        picture[..., :3, :, :] = picture[..., :3, :, :] * 2.0 - 1.0
        example[name] = picture
    for name in ("guidance", "reference_guidance"):
        example[name] = packed[name].astype(np.float32) * np.float32(1.0 / 255.0)
    example["weight"] = packed["weight"].astype(np.float32) * np.float32(WEIGHT_UNIT)
    example["map"] = packed["map"].astype(np.float32)
    example["validity"] = packed["validity"].astype(np.float32) * np.float32(1.0 / 127.0)
    for name in PLAIN:
        example[name] = packed[name].astype(np.float32)
    return example


def read_record(path: Path) -> Example:
    """The lasting part of one record; AssetError names a damaged file."""
    return unpack(read_packed(path))


def read_packed(path: Path) -> dict[str, NDArray[np.generic]]:
    """The same as stored, every array there."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            packed = _expanded({name: file[name] for name in file.files})
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise AssetError(f"{path}: the record is missing or damaged ({error}).") from error
    for name in (*PER_FRAME, *REFERENCE):
        if name not in packed:
            raise AssetError(f"{path}: the record is damaged ('{name}' is missing).")
    return packed


def _description(folder: Path) -> str:
    info = read_index(folder / INFO_FILE, FORMAT, "python -m avatar train record")
    return str(info["description"])
