"""Rules and words of accounts, sessions, tokens and mail requests; standard library only."""
