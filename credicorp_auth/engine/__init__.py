"""The hands: the real world, and flights that live a story once for everyone who asks."""
