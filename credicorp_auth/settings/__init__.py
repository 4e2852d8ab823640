"""Settings: schema, values and sources."""
