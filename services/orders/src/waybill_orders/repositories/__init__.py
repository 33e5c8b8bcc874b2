"""SQL: how what the use cases ask for is kept."""
