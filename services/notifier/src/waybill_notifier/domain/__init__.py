"""Rules and words of the notifier: states, kinds of mail, SMTP verdicts; standard library only."""
