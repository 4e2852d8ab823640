"""Settings and plugins become an engine."""
