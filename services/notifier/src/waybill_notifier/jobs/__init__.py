"""What the notifier's workers do."""
