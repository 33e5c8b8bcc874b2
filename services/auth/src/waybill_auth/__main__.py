"""Lets `python -m waybill_auth` do what the `auth` command does."""

from waybill_auth.cli import main

main(prog_name="auth")
