"""What is written of a model: files, profiles, a page with pictures."""
