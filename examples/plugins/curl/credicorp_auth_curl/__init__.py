"""The transport `curl` for credicorp-auth."""
