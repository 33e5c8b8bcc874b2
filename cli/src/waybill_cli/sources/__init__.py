"""Where facts come from: the services' HTTP API, their databases, the broker, and the services' own commands."""
