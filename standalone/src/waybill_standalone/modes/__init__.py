"""The two ways to run the platform here: all in one process, or as the processes of production."""
