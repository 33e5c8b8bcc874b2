"""All of Waybill on one machine."""
