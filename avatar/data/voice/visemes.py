"""Timed phones become curves of mouth coefficients: what the encoder is taught.

Coarticulation by dominance (Cohen & Massaro 1993, "Modeling coarticulation in synthetic visual
speech"): every sound pulls at the mouth with a strength that falls off exponentially before and
after it, and the mouth goes to the weighted mean of all pulls. Two things the weighted mean does
not give are added: lips that must meet do meet, and a louder syllable opens wider.

Shape legend: M moments (50 per second), K coefficients, P targets, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from avatar.data.voice.espeak import Phone
from avatar.data.voice.phones import visemes
from avatar.frames import FloatArray
from avatar.motion.audio.mouth import COEFFICIENTS, INTER_OCULAR_MM

TARGET_RATE_HZ: Final = 50

_REACH_S = 0.035
"""Time in which a sound's pull falls to 1/e outside its core, plus a share of its duration."""
_REACH_SHARE = 0.2
_CORE_SHARE = 0.25
_CLOSE_S, _OPEN_S = 0.055, 0.060
"""Time the lips take to meet and to part."""
_BURST_SHARE = 0.35
"""Share of a stop's segment after the lips have parted."""
_SMOOTHING_S = 0.015
_LONG_PAUSE_S = 0.12


def mouth_curves(phones: Sequence[Phone], moments_s: FloatArray) -> FloatArray:
    """Mouth coefficients (M, K) at `moments_s` (M), at ordinary effort, in inter-ocular units."""
    rows: list[tuple[float, ...]] = []
    gates: list[tuple[float, float, float, float]] = []
    for phone in phones:
        start_s = phone.start_s
        duration_s = phone.end_s - phone.start_s
        for viseme, share in visemes(phone.ipa):
            end_s = start_s + share * duration_s
            pull = 1.0
            if not phone.ipa and duration_s < _LONG_PAUSE_S:
                pull = duration_s / _LONG_PAUSE_S  # a breath between words hardly closes the mouth
            rows.append(
                (
                    0.5 * (start_s + end_s),
                    end_s - start_s,
                    pull * viseme.open_dominance,
                    pull * viseme.shape_dominance,
                    viseme.aperture_mm,
                    viseme.jaw_mm,
                    viseme.width_mm,
                    viseme.protrusion_mm,
                    viseme.upper_mm,
                )
            )
            if viseme.closure > 0.0:
                released_s = end_s - (_BURST_SHARE * (end_s - start_s) if viseme.is_stop else 0.0)
                gates.append((start_s, released_s, viseme.closure, viseme.tuck))
            start_s = end_s
    curves_MK = np.zeros((len(moments_s), len(COEFFICIENTS)), np.float32)
    if not rows:
        return curves_MK
    table_PC = np.array(rows, np.float32)
    centre_P, duration_P = table_PC[:, 0], table_PC[:, 1]
    distance_MP = np.abs(moments_s[:, None] - centre_P)
    outside_MP = np.maximum(0.0, distance_MP - _CORE_SHARE * duration_P)
    pull_MP = np.exp(-outside_MP / (_REACH_S + _REACH_SHARE * duration_P))
    for dominance_P, columns, coefficients in (
        (table_PC[:, 2], slice(4, 6), slice(0, 2)),
        (table_PC[:, 3], slice(6, 9), slice(2, 5)),
    ):
        weight_MP = pull_MP * dominance_P
        weighted = weight_MP @ table_PC[:, columns]
        total = np.maximum(weight_MP.sum(axis=1, keepdims=True), 1e-6)
        curves_MK[:, coefficients] = weighted / total / INTER_OCULAR_MM
    closed_M, tucked_M = _gates(gates, moments_s)
    curves_MK[:, 0] *= 1.0 - closed_M
    curves_MK[:, 5] = np.clip(1.5 * (closed_M - tucked_M) - 0.5, 0.0, 1.0)
    curves_MK[:, 6] = tucked_M
    if len(moments_s) > 1:
        moment_s = float(moments_s[1] - moments_s[0])
        curves_MK = gaussian_filter1d(curves_MK, _SMOOTHING_S / moment_s, axis=0, mode="nearest")
    return curves_MK


def _gates(
    gates: Sequence[tuple[float, float, float, float]], moments_s: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """How far lips are held together, and how far the lower lip is tucked: each (M), 0..1."""
    closed_M = np.zeros(len(moments_s), np.float32)
    tucked_M = np.zeros(len(moments_s), np.float32)
    for start_s, released_s, closure, tuck in gates:
        before = np.clip((moments_s - start_s) / _CLOSE_S + 1.0, 0.0, 1.0)
        after = np.clip((released_s - moments_s) / _OPEN_S + 1.0, 0.0, 1.0)
        held_M = 0.5 - 0.5 * np.cos(np.pi * np.minimum(before, after))
        np.maximum(closed_M, closure * held_M, out=closed_M)
        np.maximum(tucked_M, tuck * held_M, out=tucked_M)
    return closed_M, tucked_M


def effort(samples_T: FloatArray, sample_rate_hz: int, moments_s: FloatArray) -> FloatArray:
    """How wide the mouth opens for its sounds at `moments_s`: (M), about 1, by clean loudness.

    The mouth's opening follows the level of the voice (Chandrasekaran et al. 2009, "The natural
    statistics of audiovisual speech"); the strength here is the square root of the level relative
    to the loud parts of the utterance.
    """
    if samples_T.size == 0:
        return np.ones(len(moments_s), np.float32)
    power_T = uniform_filter1d(np.square(samples_T), max(1, int(0.1 * sample_rate_hz)))
    level_T = np.sqrt(np.maximum(power_T, 0.0))
    loud = float(np.percentile(level_T, 90)) + 1e-6
    at = np.clip((moments_s * sample_rate_hz).astype(np.intp), 0, len(level_T) - 1)
    relative_M = np.clip(level_T[at] / loud, 0.0, 1.6)
    return (0.2 + 0.85 * np.sqrt(relative_M)).astype(np.float32)


def mouth_targets(
    phones: Sequence[Phone], samples_T: FloatArray, sample_rate_hz: int, moments_s: FloatArray
) -> FloatArray:
    """Mouth coefficients (M, K) of clean speech at `moments_s`, effort included."""
    curves_MK = mouth_curves(phones, moments_s)
    curves_MK[:, :2] *= effort(samples_T, sample_rate_hz, moments_s)[:, None]
    return curves_MK
