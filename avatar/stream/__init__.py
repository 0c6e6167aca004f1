"""Time: the animators, and what drives them from a clip."""
