"""`make demo`: one customer's story, told through the public HTTP API."""
