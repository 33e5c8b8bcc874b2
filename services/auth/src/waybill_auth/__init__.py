"""The auth service: accounts, sessions, tokens and mail requests."""
