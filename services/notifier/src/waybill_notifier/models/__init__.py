"""Tables of the notifier's database."""
