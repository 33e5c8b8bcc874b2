"""The world outside: auth over HTTP, SMTP, templates."""
