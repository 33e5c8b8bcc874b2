"""`make up`: all services in one process."""
