"""`python -m sovi_events.tail`: the newest events in a terminal or a pipe, and what follows."""
