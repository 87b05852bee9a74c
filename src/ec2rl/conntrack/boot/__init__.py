"""What each connection-tracking setting will be after a reboot."""
