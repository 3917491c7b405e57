"""Our figures beside the raw ones, in the same run on the same server: `python -m bench`."""
