"""The notifier's SQL."""
