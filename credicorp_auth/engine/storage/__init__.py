"""What is kept: token records, leases, credentials, encryption."""
