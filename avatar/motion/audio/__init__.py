"""Sound becomes mouth motion: reading, resampling, features, the encoder, and its basis."""
