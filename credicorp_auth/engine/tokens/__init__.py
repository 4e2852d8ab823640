"""Token engine: held tokens, introspection and revocation."""
