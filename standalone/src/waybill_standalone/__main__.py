"""`python -m waybill_standalone` is the `standalone` command."""

from waybill_standalone.cli import main

if __name__ == "__main__":
    main()
