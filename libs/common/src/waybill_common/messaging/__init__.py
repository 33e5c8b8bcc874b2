"""Facts between services: event log, outbox, broker, inbox and dead letters."""
