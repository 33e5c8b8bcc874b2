"""The operator's command: what happened to an order, what is stuck and why, and the repairs."""
