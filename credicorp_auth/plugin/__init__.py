"""The plugin interface and what loads plugins."""
