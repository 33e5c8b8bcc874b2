"""The mail catcher: takes every mail the platform sends and shows it as a person would see it."""
