"""Test tools for adapters and for applications: a sandbox, a clock and fakes."""
