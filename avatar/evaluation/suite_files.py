"""Clips and pictures of a suite's folders: which files count, and in which order.

Knows names; opens nothing.
"""

from __future__ import annotations

from pathlib import Path

from avatar.errors import AssetError

CLIP_SUFFIXES = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".264", ".h264", ".gif", ".ts"}
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def files_in(folder: Path, suffixes: set[str], contains: str) -> list[Path]:
    """Files of a kind in a folder, in order of name; raises AssetError where there are none."""
    if not folder.is_dir():
        raise AssetError(f"{folder}: there is no such folder.")
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and contains in path.name
    )
    if not found:
        filtered = f" whose name contains '{contains}'" if contains else ""
        raise AssetError(f"{folder}: holds no file{filtered} that could be used.")
    return found
