"""What the workers of orders do; each handler is a use case with a name and a rhythm."""
