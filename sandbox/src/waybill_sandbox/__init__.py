"""The payment gateway to develop against: keyed charges, a charge log, signed webhooks, and tokens that misbehave."""
