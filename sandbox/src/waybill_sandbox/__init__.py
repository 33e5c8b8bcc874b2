"""The payment gateway to develop against."""
