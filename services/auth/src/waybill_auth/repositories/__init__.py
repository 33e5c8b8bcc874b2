"""SQL of the auth service, through the connection of a unit of work."""
