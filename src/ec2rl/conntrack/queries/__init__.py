"""What the kernel, or a file, is asked of connection tracking (`ec2rl.host.query`)."""
