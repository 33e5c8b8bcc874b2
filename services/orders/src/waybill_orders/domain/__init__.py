"""Rules and words of orders; nothing here knows a framework, a database or the network."""
