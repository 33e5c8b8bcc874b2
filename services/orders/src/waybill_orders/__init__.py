"""The orders service: products, stock, orders, money and shipments."""
