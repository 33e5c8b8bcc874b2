"""The notifier service: turns events into mails, each once."""
