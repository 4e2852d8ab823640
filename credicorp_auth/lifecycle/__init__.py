"""The story of a token's life, told in plain functions that ask a World for what they need."""
