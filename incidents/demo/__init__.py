"""A small organisation to try the console with, and its quiet past. Made by `seed_demo` only."""
