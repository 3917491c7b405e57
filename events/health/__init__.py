"""Whether this process can serve, and what an operator must know or mend."""
