"""The asynchronous half: signalling, sessions, media tracks and the engine process."""
