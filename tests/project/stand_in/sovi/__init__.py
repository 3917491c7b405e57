"""A stand-in for SOVI's repository: it owns the name, and had events of its own."""
