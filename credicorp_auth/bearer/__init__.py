"""What the bearer of every HTTP client drives."""
