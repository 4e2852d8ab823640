"""The hands: the real runtime, and calls that live a story once for everyone who asks."""
