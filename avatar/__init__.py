"""Liveactor's synchronous half: a person becomes numbers, and a character moves by them."""
