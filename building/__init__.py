"""What a release is built from: one file, packages, what describes them. `./release` runs it."""
