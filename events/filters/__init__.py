"""Which events: the list's parameters, searches, and the value they make."""
