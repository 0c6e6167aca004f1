"""What a run leaves behind to read: JSON lines, TensorBoard where installed, a progress line.

TensorBoard and tqdm are conveniences that a GPU machine may lack; the JSON log is always complete.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
PLAIN_EVERY_S = 20.0


class RunLog:
    """Appends records; `first_step` drops records that a resumed run will write again."""

    def __init__(self, folder: Path, first_step: int) -> None:
        self._path = folder / "log.jsonl"
        kept = []
        if self._path.is_file():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                if json.loads(line)["step"] <= first_step:
                    kept.append(line)
        self._path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._board = _board(folder, first_step)

    def write(self, step: int, values: Mapping[str, float | str]) -> None:
        """One record of a train step."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, float):
                    self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush."""
        if self._board is not None:
            self._board.close()


def _board(folder: Path, first_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        _log.warning("tensorboard is not installed: this run is logged to log.jsonl only")
        return None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)


class ProgressLine:
    """A bar with the time left: tqdm where installed, a line now and then where not."""

    def __init__(self, first_step: int, last_step: int, name: str) -> None:
        self._first, self._last, self._name = first_step, last_step, name
        self._start_s = self._said_s = time.monotonic()
        self._bar: Any = None
        try:
            from tqdm import tqdm
        except ImportError:
            return
        self._bar = tqdm(initial=first_step, total=last_step, desc=name, mininterval=1.0)

    def advance(self, step: int, values: Mapping[str, float]) -> None:
        """Show that a train step is done."""
        text = " ".join(f"{name}={value:.4g}" for name, value in values.items())
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(1)
            return
        now_s = time.monotonic()
        if now_s - self._said_s >= PLAIN_EVERY_S or step == self._last:
            self._said_s = now_s
            pace_s = (now_s - self._start_s) / max(step - self._first, 1)
            left_s = pace_s * (self._last - step)
            print(
                f"{self._name} {step}/{self._last} {text} {pace_s:.2f} s/step, {left_s:.0f} s left",
                file=sys.stderr,
            )

    def close(self) -> None:
        """Leave the line as it is."""
        if self._bar is not None:
            self._bar.close()
