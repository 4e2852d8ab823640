"""Verification: issuer metadata, key sets and the verifier engine."""
