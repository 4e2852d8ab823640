"""Settings, their values, and where each of them came from."""
