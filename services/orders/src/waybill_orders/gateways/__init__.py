"""Adapters to what is outside: other services over HTTP, the payment gateway."""
