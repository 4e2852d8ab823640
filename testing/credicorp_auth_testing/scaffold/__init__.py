"""Templates for distributions of custom adapters."""

from __future__ import annotations

from credicorp_auth_testing.scaffold.distribution import SHAPES, write_distribution

__all__ = ["SHAPES", "write_distribution"]
