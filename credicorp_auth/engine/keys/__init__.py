"""The keys of issuers and the verifier."""
