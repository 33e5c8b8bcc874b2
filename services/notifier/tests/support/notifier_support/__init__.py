"""What the notifier's tests stand on."""
