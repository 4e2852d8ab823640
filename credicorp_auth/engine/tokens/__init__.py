"""The token engine and its runtime."""
