"""Synthesised speech with the mouth that says it: what the audio encoder learns from."""
