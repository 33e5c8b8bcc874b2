"""What the images promise: how they are built, who runs in them, and what is not in them."""
