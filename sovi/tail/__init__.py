"""`python -m sovi.tail`: the newest events in a terminal or a pipe, and those that follow."""
