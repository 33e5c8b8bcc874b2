"""What the notifier does: one verb, one file, one transaction."""
