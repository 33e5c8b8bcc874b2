"""`python -m waybill_notifier`: the same commands as `notifier`."""

from waybill_notifier.cli import main

main()
