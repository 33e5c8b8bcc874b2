"""The schema of orders, shipped with the package and run by `orders migrate`."""
