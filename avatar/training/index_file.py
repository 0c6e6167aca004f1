"""The JSON file that makes a folder a data set: read strictly, with the remedy named.

Knows the `format` field that all of them have; does not know what else they say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from avatar.errors import AssetError


def read_index(path: Path, format_number: int, command: str) -> dict[str, Any]:
    """The values of an index file; AssetError names what is wrong and the command that makes it."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AssetError(
            f"{path}: is missing ({error.strerror}); make it with `{command}`."
        ) from error
    except ValueError as error:
        raise AssetError(f"{path}: is not valid JSON: {error}.") from error
    if not isinstance(values, dict) or values.get("format") != format_number:
        raise AssetError(f"{path}: format is not {format_number}; make it again with `{command}`.")
    return values
