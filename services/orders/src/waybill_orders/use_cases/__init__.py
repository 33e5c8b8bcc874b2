"""What can be done with orders: one verb a file, one transaction each."""
