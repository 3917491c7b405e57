"""Reading the table as it grows: which ids are settled, and how far a reader has come."""
