"""The servers that the platform stands on, started as children of one process and ended with it."""
