"""Composition of engines from settings and plugins."""
