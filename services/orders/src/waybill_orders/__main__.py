"""`python -m waybill_orders` is the command `orders`."""

from waybill_orders.cli import main

main(prog_name="orders")
