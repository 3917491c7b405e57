"""What happened to a device, an account or a type, in time."""
