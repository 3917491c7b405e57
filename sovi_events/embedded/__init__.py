"""The PostgreSQL that a checkout starts for itself."""
