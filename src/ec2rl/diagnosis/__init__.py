"""Every diagnosis: events of the kernel's log by period and trust, proofs, and a verdict."""
