"""Storage: token records, leases, credentials, encryption."""
