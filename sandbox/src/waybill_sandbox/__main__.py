"""`python -m waybill_sandbox` is the `sandbox` command."""

from waybill_sandbox.cli import main

if __name__ == "__main__":
    main()
