"""Output for people: pictures, and descriptions of files and machines."""
