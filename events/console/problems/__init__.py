"""The problems: unresolved events by kind."""
