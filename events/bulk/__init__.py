"""Resolving and reopening all that matches a filter: previewed, confirmed, then done as a job.

See docs/decisions/0011-bulk-jobs.md.
"""
