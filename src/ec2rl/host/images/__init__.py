"""Kernels and initial RAM disks as they lie in /boot: told by their first bytes, and walked."""
