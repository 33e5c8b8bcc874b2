"""Pytest fixtures: real servers, one per run, shared by the workers."""
