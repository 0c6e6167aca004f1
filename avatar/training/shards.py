"""Clips of people on disk: prepared once where a tracker is, read where only training is.

A shard is a NumPy archive of a few clips: compressed pictures, landmarks, and who it is. Knows the
format; does not know trackers. People are held out by a hash of their name, so that the same person
is unseen in every run and every shard.

Legend: F frames, R references, H, W pixels, N landmarks.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avatar.errors import AssetError
from avatar.frames import ByteArray, ReferenceGeometry
from avatar.motion.geometry import reference_geometry
from avatar.training.index_file import read_index
from avatar.training.people import PersonClip, ReferencePicture

INDEX_FILE = "index.json"
FORMAT = 1
HELD_OUT_SHARE = 0.12
WEBP_QUALITY = 95
CACHED_CLIPS = 64


def is_held_out_person(person: str) -> bool:
    """Whether a person is for judging only: decided by the name alone."""
    digest = hashlib.sha256(person.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_SHARE


class ShardWriter:
    """Writes clips to a folder, one archive each; `close` makes the index that readers need."""

    def __init__(self, folder: Path, description: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._description = folder, description
        self._entries: list[dict[str, Any]] = []

    def add(self, clip: PersonClip) -> None:
        """Append a clip."""
        name = f"clip_{len(self._entries):05d}.npz"
        arrays: dict[str, Any] = {
            "landmarks_FN3": clip.landmarks_FN3.astype(np.float32),
            "background": _encoded(clip.background_HW3),
        }
        for k, picture in enumerate(clip.references):
            arrays[f"reference_{k}"] = _encoded(picture.foreground_HW3)
            arrays[f"reference_alpha_{k}"] = _encoded(picture.alpha_HW)
            arrays[f"reference_landmarks_{k}"] = picture.geometry.landmarks_N3
        for k in range(len(clip.rgb_FHW3)):
            arrays[f"frame_{k}"] = _encoded(clip.rgb_FHW3[k])
            arrays[f"alpha_{k}"] = _encoded(clip.alpha_FHW[k])
        np.savez(self._folder / name, **arrays)
        self._entries.append(
            {
                "file": name,
                "person": clip.person,
                "num_frames": len(clip.rgb_FHW3),
                "num_references": len(clip.references),
                "size_px": int(clip.background_HW3.shape[0]),
            }
        )

    def close(self) -> None:
        """Write the index; without it a folder is not a set of shards."""
        index = {"format": FORMAT, "description": self._description, "clips": self._entries}
        path = self._folder / INDEX_FILE
        scratch = path.with_suffix(".partial")
        scratch.write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        scratch.replace(path)


class ShardPeople:
    """Clips of a folder, drawn person by person, so that long recordings do not outweigh people."""

    def __init__(self, folder: Path, picture_px: int, *, is_held_out: bool = False) -> None:
        self._folder, self._picture_px = folder, picture_px
        index = read_index(folder / INDEX_FILE, FORMAT, "python -m avatar train prepare")
        self._description = str(index["description"])
        by_person: dict[str, list[dict[str, Any]]] = {}
        for entry in index["clips"]:
            if is_held_out_person(entry["person"]) == is_held_out:
                by_person.setdefault(entry["person"], []).append(entry)
        self._people = [by_person[person] for person in sorted(by_person)]
        if not self._people:
            which = "held-out" if is_held_out else "training"
            raise AssetError(f"{folder}: holds no {which} person; prepare more clips.")
        self._read = lru_cache(CACHED_CLIPS)(self._load)

    @property
    def description(self) -> str:
        """As written by whoever prepared the clips."""
        return self._description

    @property
    def num_people(self) -> int:
        """People of this part."""
        return len(self._people)

    def clip(self, random: np.random.Generator, num_frames: int) -> PersonClip:
        """A stretch of consecutive frames of a person; a short clip is played back and forth."""
        entries = self._people[int(random.integers(len(self._people)))]
        entry = entries[int(random.integers(len(entries)))]
        whole = self._read(entry["file"], entry["person"])
        length = len(whole.rgb_FHW3)
        start = int(random.integers(max(length - num_frames, 0) + 1))
        period = max(2 * length - 2, 1)
        at = (start + np.arange(num_frames)) % period
        at = np.where(at < length, at, period - at)
        return PersonClip(
            whole.person,
            whole.references,
            whole.background_HW3,
            whole.rgb_FHW3[at],
            whole.alpha_FHW[at],
            whole.landmarks_FN3[at],
        )

    def _load(self, name: str, person: str) -> PersonClip:
        path = self._folder / name
        try:
            # Opened here: numpy leaves a damaged archive open.
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
            background = _decoded(arrays["background"], cv2.IMREAD_COLOR)
            factor = self._picture_px / background.shape[0]
            num_frames = len(arrays["landmarks_FN3"])
            references = []
            for k in range(sum(key.startswith("reference_landmarks_") for key in arrays)):
                references.append(
                    ReferencePicture(
                        self._sized(_decoded(arrays[f"reference_{k}"], cv2.IMREAD_COLOR)),
                        self._sized(_decoded(arrays[f"reference_alpha_{k}"], cv2.IMREAD_GRAYSCALE)),
                        self._geometry(arrays[f"reference_landmarks_{k}"] * factor),
                    )
                )
            return PersonClip(
                person,
                tuple(references),
                self._sized(background),
                np.stack(
                    [
                        self._sized(_decoded(arrays[f"frame_{k}"], cv2.IMREAD_COLOR))
                        for k in range(num_frames)
                    ]
                ),
                np.stack(
                    [
                        self._sized(_decoded(arrays[f"alpha_{k}"], cv2.IMREAD_GRAYSCALE))
                        for k in range(num_frames)
                    ]
                ),
                (arrays["landmarks_FN3"] * factor).astype(np.float32),
            )
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise AssetError(f"{path}: the clip is missing or damaged ({error}).") from error

    def _sized(self, picture: ByteArray) -> ByteArray:
        size = (self._picture_px, self._picture_px)
        if picture.shape[:2] == size:
            return picture
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _geometry(self, landmarks_N3: Any) -> ReferenceGeometry:
        size = (self._picture_px, self._picture_px)
        return reference_geometry(np.asarray(landmarks_N3, np.float32), size)


def _encoded(picture: ByteArray) -> ByteArray:
    shown = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".webp", shown, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
    assert done
    return np.asarray(data, np.uint8).ravel()


def _decoded(data: Sequence[int] | ByteArray, mode: int) -> ByteArray:
    picture = cv2.imdecode(np.asarray(data, np.uint8), mode)
    if picture is None:
        raise ValueError("a picture cannot be decoded")
    if mode == cv2.IMREAD_COLOR:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return np.asarray(picture, np.uint8)
