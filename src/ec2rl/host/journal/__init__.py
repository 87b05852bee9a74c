"""The systemd journal, read from its files."""
