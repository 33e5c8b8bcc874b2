"""Schema changes of the auth database, in order, shipped with the package."""
