"""What the workers of auth do."""
