"""Reading pages and counts by ranges of an index, within a time limit."""
