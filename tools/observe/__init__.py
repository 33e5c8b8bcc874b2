"""Prometheus and Alertmanager beside a platform of real processes, with the shipped rules."""
