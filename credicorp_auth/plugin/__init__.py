"""Plugin interface and plugin loader."""
