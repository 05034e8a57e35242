"""Style tiered: sets with an index, read by ranges."""
