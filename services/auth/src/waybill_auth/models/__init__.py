"""Tables of the auth database: their columns, and how a row becomes a value of the domain."""
