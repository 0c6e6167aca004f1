from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from avatar.evaluation import picture_metrics as metrics
from avatar.frames import ByteArray


@pytest.fixture
def picture() -> ByteArray:
    noise = np.random.default_rng(0).uniform(0, 255, (64, 64, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(cv2.resize(noise, (256, 256)), (0, 0), 2), np.uint8)


def test_psnr_is_the_textbook_number(picture: ByteArray) -> None:
    dark = np.clip(picture, 10, 245)
    off_by_ten = dark + 10
    assert metrics.psnr_db(dark, off_by_ten) == pytest.approx(20 * math.log10(25.5))
    assert metrics.l1(dark, off_by_ten) == pytest.approx(10 / 255)
    assert metrics.psnr_db(dark, dark) == metrics.PSNR_CAP_DB


def test_ssim_orders_pictures_as_people_do(picture: ByteArray) -> None:
    brighter = np.clip(picture.astype(int) + 12, 0, 255).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(picture, (0, 0), 4), np.uint8)
    assert metrics.ssim(picture, picture) == pytest.approx(1.0)
    assert metrics.ssim(picture, brighter) > 0.95
    assert metrics.ssim(picture, blurred) < 0.8
    assert metrics.ssim(picture, 255 - picture) < 0.0


def test_sharpness_falls_with_blur(picture: ByteArray) -> None:
    blurred = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8)
    assert metrics.sharpness(blurred) < 0.5 * metrics.sharpness(picture)


def test_flicker_counts_only_where_the_truth_stands_still(picture: ByteArray) -> None:
    moving = picture.copy()
    moving[:, 128:] = 255 - moving[:, 128:]
    steady = metrics.flicker(picture, moving, picture, moving)
    assert steady == pytest.approx(0.0, abs=1e-6)
    flickering = picture.copy()
    flickering[:, :120] = np.clip(flickering[:, :120].astype(int) + 8, 0, 255)
    value = metrics.flicker(picture, moving, picture, flickering)
    assert value is not None
    assert 6 < value < 8.5
    assert metrics.flicker(picture, 255 - picture, picture, picture) is None


def test_boxes_stay_inside_the_picture() -> None:
    points = np.array([[-5.0, 10.0], [60.0, 50.0]], np.float32)
    assert metrics.box_of(points, (64, 64), 0.5) == (0, 0, 64, 64)
    outside = np.array([[-50.0, -50.0], [-10.0, -10.0]], np.float32)
    assert metrics.box_of(outside, (64, 64), 0.0) is None


def test_animators_of_any_resolution_are_compared_at_one() -> None:
    assert metrics.to_metric_size(np.zeros((512, 512, 3), np.uint8)).shape == (256, 256, 3)
    assert metrics.to_metric_size(np.zeros((624, 416, 3), np.uint8)).shape == (384, 256, 3)
    same = np.zeros((256, 256, 3), np.uint8)
    assert metrics.to_metric_size(same) is same
