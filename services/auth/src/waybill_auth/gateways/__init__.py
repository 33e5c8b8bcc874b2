"""Hashing, signing, encryption and address syntax."""
