"""Storing what is emitted: one thread writes, another connects and drains the spool."""
