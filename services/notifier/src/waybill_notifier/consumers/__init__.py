"""What the notifier does with events of other services."""
