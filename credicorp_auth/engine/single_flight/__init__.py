"""Single flight: concurrent callers share one call."""
