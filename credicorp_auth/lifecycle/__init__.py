"""The story of a token's life, told in plain functions that ask a runtime for what they need."""
