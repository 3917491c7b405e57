"""A simulated fleet that emits every known event through the producers' library."""
