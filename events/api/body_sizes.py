"""How many bytes a body may have, by what takes it; without REST framework, for the edge."""

EMISSION_BYTES = 1024 * 1024
BULK_BYTES = 256 * 1024
BODY_BYTES = 64 * 1024
"""Of all others."""
