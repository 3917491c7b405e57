"""Storing what is emitted: a batch, its insert, and the thread that keeps the connection."""
