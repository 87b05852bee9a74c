"""What was seen of a table, as text and as JSON."""
