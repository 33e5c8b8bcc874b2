"""The sandbox's schema, step by step."""
