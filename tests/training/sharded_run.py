"""python -m tests.training.sharded_run CONFIG UNTIL: a distillation, up to a step.

What `python -m avatar train distil` does, but that the teacher is random and that a run may stop.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from avatar.config import load_config
from avatar.model.network import ModelKind
from avatar.training.config import DistilConfig
from avatar.training.devices import joined_devices
from avatar.training.distil_stage import DistilObjective
from avatar.training.loop import Trainer
from tests.model.networks import awake_network


def main(config_path: Path, until: int) -> None:
    torch.set_num_threads(1)
    config = load_config(config_path, DistilConfig)
    network = awake_network(ModelKind.TRANSFORMER).train()
    with joined_devices("cpu") as devices:
        Trainer(DistilObjective(network, config), config.run, devices).run(until=until)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
