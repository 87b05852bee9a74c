"""OpenSSH's server: its configuration, keys and logs, as values (OpenSSH 6.6 to 10.2)."""
