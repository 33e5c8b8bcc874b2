"""The HTTP face of auth."""
