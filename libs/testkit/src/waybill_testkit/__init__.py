"""Doubles, real servers and fixtures for tests."""
