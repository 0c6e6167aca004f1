"""What the picture loss prefers."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from avatar.training.losses import PictureWeights, excess, picture_loss


def _texture() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    fine = torch.randn(1, 1, 4, 64, 64, generator=generator)
    coarse = F.interpolate(torch.randn(1, 4, 16, 16, generator=generator), size=64)[:, None]
    return 0.3 * fine + 0.3 * coarse


def test_detail_in_the_wrong_place_is_better_than_none() -> None:
    """Plain differences prefer a blurred picture to one that is a pixel off; `detail` does not."""
    truth = _texture()
    shifted = torch.roll(truth, 1, -1)
    blurred = F.avg_pool2d(truth[:, 0], 5, 1, 2, count_include_pad=False)[:, None]
    even = torch.ones(1, 1, 1, 64, 64)
    plain = PictureWeights(edges=0.0, spectrum=0.0, change=0.0)
    assert picture_loss(blurred, truth, even, plain) < picture_loss(shifted, truth, even, plain)
    sharp = PictureWeights(edges=0.0, spectrum=0.0, change=0.0, detail=3.0)
    assert picture_loss(blurred, truth, even, sharp) > picture_loss(shifted, truth, even, sharp)
    assert picture_loss(truth, truth, even, sharp).item() < 1e-5


def test_only_what_lies_outside_of_its_range_is_pulled_back() -> None:
    values = torch.tensor([[0.5, -3.9], [5.0, -8.0]], requires_grad=True)
    beyond = excess(values, 4.0)
    assert beyond.tolist() == [0.0, 2.5]
    (gradient,) = torch.autograd.grad(beyond.sum(), values)
    assert gradient.tolist() == [[0.0, 0.0], [0.5, -0.5]]
