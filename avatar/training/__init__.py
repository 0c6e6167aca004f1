"""Training: data, losses, stages and resume. Knows torch; no run time imports it."""
