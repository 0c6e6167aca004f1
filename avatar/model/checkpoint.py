"""Weights on disk: one safetensors file, and beside it a manifest that says what they are.

Loading is strict: a file that was damaged, belongs to another preset or another part of the model,
or lacks a tensor is refused by an AssetError that names the field. Imports torch only to build
tensors; a manifest can be read without it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from avatar.config import build_section
from avatar.errors import AssetError, ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = 1
EXPORT_FILE = "manifest.json"
_CHUNK_BYTES = 1 << 20


class NamedShape(Protocol):
    """What a network's shape is called, and its numbers: a preset of the model, or another's."""

    @property
    def name(self) -> str:
        """As the manifest names it."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as a manifest records them."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a weights file is, and how it came to be."""

    format: int = FORMAT
    kind: str
    """"refiner", "teacher", "student" or "features"."""
    preset: str
    shape: dict[str, Any]
    """The preset's numbers when the weights were trained."""
    sha256: str
    num_train_steps: int
    data: str
    """The sources trained on, in words."""
    commit: str
    """Commit of the code that trained it."""
    metrics: dict[str, float] = field(default_factory=dict)
    licence: str = "Apache-2.0"


def manifest_path(weights: Path) -> Path:
    """Where the manifest of a weights file lies."""
    return weights.with_suffix(".json")


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def save_weights(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    kind: str,
    preset: NamedShape,
    num_train_steps: int,
    data: str,
    commit: str,
    metrics: Mapping[str, float] | None = None,
) -> Manifest:
    """Write weights and manifest; neither is ever seen half-written."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".partial")
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, scratch)
    manifest = Manifest(
        kind=kind,
        preset=preset.name,
        shape=_plain(preset.as_dict()),
        sha256=file_sha256(scratch),
        num_train_steps=num_train_steps,
        data=data,
        commit=commit,
        metrics=dict(metrics or {}),
    )
    written = manifest_path(path).with_suffix(".json.partial")
    written.write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
    scratch.replace(path)
    written.replace(manifest_path(path))
    return manifest


def read_manifest(weights: Path) -> Manifest:
    """The manifest beside a weights file; AssetError where it is missing or not one."""
    path = manifest_path(weights)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AssetError(f"{path}: the manifest is missing ({error.strerror}).") from error
    except ValueError as error:
        raise AssetError(f"{path}: is not valid JSON: {error}.") from error
    if not isinstance(values, dict):
        raise AssetError(f"{path}: is not a manifest.")
    try:
        shape, metrics = values.pop("shape", {}), values.pop("metrics", {})
        manifest = build_section(Manifest, {**values, "shape": {}, "metrics": {}}, where=str(path))
    except ConfigError as error:
        raise AssetError(str(error)) from error
    return Manifest(**{**asdict(manifest), "shape": shape, "metrics": metrics})


def check_manifest(weights: Path, manifest: Manifest, *, kind: str, preset: NamedShape) -> None:
    """Refuse weights that are not what is asked for, naming the first field that differs."""
    wanted: dict[str, Any] = {"format": FORMAT, "kind": kind, "preset": preset.name}
    for name, value in wanted.items():
        found = getattr(manifest, name)
        if found != value:
            raise AssetError(f"{weights}: {name} is {found!r}, but {value!r} is needed.")
    difference = _first_difference(manifest.shape, _plain(preset.as_dict()), "shape")
    if difference:
        raise AssetError(f"{weights}: {difference} (trained with another '{preset.name}').")
    if not weights.is_file():
        raise AssetError(f"{weights}: the weights file is missing.")
    if file_sha256(weights) != manifest.sha256:
        raise AssetError(f"{weights}: sha256 does not match its manifest; the file is damaged.")


def load_weights(module: nn.Module, weights: Path, *, kind: str, preset: NamedShape) -> Manifest:
    """Fill `module` from a weights file; every tensor must be there, and none too many."""
    from safetensors.torch import load_file

    manifest = read_manifest(weights)
    check_manifest(weights, manifest, kind=kind, preset=preset)
    tensors = load_file(weights)
    own = module.state_dict()
    for name, tensor in own.items():
        if name not in tensors:
            raise AssetError(f"{weights}: tensor '{name}' is missing.")
        if tensors[name].shape != tensor.shape:
            raise AssetError(
                f"{weights}: tensor '{name}' has shape {tuple(tensors[name].shape)}, "
                f"but {tuple(tensor.shape)} is needed."
            )
    extra = sorted(set(tensors) - set(own))
    if extra:
        raise AssetError(f"{weights}: tensor '{extra[0]}' is not part of a {kind}.")
    module.load_state_dict(tensors)
    return manifest


def write_exported(folder: Path, manifest: Manifest) -> None:
    """Note beside exported graphs which weights they were made from."""
    path = folder / EXPORT_FILE
    path.write_text(json.dumps({"sha256": manifest.sha256}) + "\n", encoding="utf-8")


def check_exported(folder: Path, manifest: Manifest) -> None:
    """Refuse exported graphs that were made from other weights than these."""
    path = folder / EXPORT_FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AssetError(
            f"{path}: exported graphs are missing or damaged; run `python -m avatar export`."
        ) from error
    if not isinstance(values, dict) or values.get("sha256") != manifest.sha256:
        raise AssetError(
            f"{path}: sha256 is that of other weights; run `python -m avatar export` again."
        )


def _plain(values: Any) -> Any:
    """Tuples as lists, as JSON gives them back."""
    if isinstance(values, dict):
        return {name: _plain(value) for name, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [_plain(value) for value in values]
    return values


def _first_difference(found: Any, wanted: Any, where: str) -> str | None:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in sorted(set(wanted) | set(found)):
            if name not in found or name not in wanted:
                return f"{where}.{name} is {'missing' if name not in found else 'unknown'}"
            difference = _first_difference(found[name], wanted[name], f"{where}.{name}")
            if difference:
                return difference
        return None
    return None if found == wanted else f"{where} is {found!r}, but {wanted!r} is needed"
