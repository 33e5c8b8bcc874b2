"""Rows as the database gives them, turned into values."""
