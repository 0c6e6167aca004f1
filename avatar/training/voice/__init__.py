"""Training of the audio encoder from synthesised speech."""
