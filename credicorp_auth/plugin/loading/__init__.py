"""Discovery, validation and loading of plugins."""
