"""Machinery that every Waybill service needs and no service owns."""
