"""Templates for distributions of custom adapters; needs the extra `scaffold`."""

from __future__ import annotations

from credicorp_auth_testing.scaffold.distribution import SHAPES, write_distribution

__all__ = ["SHAPES", "write_distribution"]
