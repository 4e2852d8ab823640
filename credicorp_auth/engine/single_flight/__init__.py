"""One call for everyone who asks at the same time."""
