"""The cache `sqlite` for credicorp-auth."""
