"""Rules, dashboards and the watchers themselves: Prometheus and Alertmanager."""
