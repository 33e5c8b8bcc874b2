"""What orders does with foreign events; only the fields that it reads."""
