"""The overview: what is broken, how badly, and since when."""
