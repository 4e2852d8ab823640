"""Lifecycle of tokens: obtain, refresh, revoke, verify. Plain functions; a runtime does the I/O."""
