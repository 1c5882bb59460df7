"""The loop and its parts: read these files and you know the system."""
