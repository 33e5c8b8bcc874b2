"""Lets `python -m waybill_cli` do what the `waybill` command does."""

from waybill_cli.cli import main

if __name__ == "__main__":
    main()
