"""Logic shared by the bearers of all HTTP clients."""
