"""The entries of a table: read as a stream, counted, and what follows from that."""
