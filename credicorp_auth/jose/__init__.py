"""Signed tokens: compact form, key sets, claims, signatures. Pure."""
