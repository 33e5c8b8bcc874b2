"""The notifier's schema, step by step."""
