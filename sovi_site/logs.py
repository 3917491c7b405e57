"""What the log says of requests that were refused: a line each, for it is no error of ours."""

import logging


def without_traceback(record: logging.LogRecord) -> bool:
    """Leave out where Django raised what it answered with 400 or 403; let every record pass."""
    is_refusal = record.name.startswith("django.security") or (
        record.name == "django.request" and record.levelno < logging.ERROR
    )
    if is_refusal:
        record.exc_info = None
    return True
