"""The ``headstart`` command: one file a command, and nothing heavy imported before it runs."""
