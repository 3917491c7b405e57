"""What waits on disk for the database, and how it gets there later."""
