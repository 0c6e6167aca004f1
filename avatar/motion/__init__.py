"""A person becomes numbers: face, head, body and hands, smoothed, calibrated, retargeted."""
