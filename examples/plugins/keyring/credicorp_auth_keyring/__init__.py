"""The secret source `keyring` for credicorp-auth."""
