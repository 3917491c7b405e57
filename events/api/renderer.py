"""JSON as Django REST framework writes it, several times as fast."""

from contextlib import suppress
from typing import Any

import orjson
from rest_framework import renderers

# What each writes its own way is left to Django REST framework.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class JSONRenderer(renderers.JSONRenderer):
    """Leaves to its base what orjson can't write, such as integers beyond 64 bits."""

    def render(
        self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None
    ) -> bytes:
        indent = self.get_indent(accepted_media_type or "", renderer_context or {})
        if data is not None and indent is None:
            with suppress(orjson.JSONEncodeError):
                text = orjson.dumps(data, option=_OPTIONS)
                # They end a line of JavaScript.
                return text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(
                    b"\xe2\x80\xa9", b"\\u2029"
                )
        written: bytes = super().render(data, accepted_media_type, renderer_context)
        return written
