"""What a machine can be asked beside its files: one question a file (`ec2rl.host.query`)."""
