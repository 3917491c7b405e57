"""Static files from where they lie, by WhiteNoise."""

from collections.abc import AsyncGenerator
from contextlib import closing
from functools import cache

from django.http import HttpRequest, HttpResponseNotFound, StreamingHttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware


async def static_file(request: HttpRequest, path: str) -> StreamingHttpResponse:
    """Answer a file, or that it is unchanged, read at once: Django would read it in a thread."""
    with closing(static_files()(request)) as found:
        response = StreamingHttpResponse(_piece(b"".join(found)), status=found.status_code)
    response.headers = found.headers  # what isn't there is not to be added, such as to a 304
    return response


async def _piece(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content


@cache
def static_files() -> WhiteNoiseMiddleware:
    """List them, which takes a while."""
    return WhiteNoiseMiddleware(lambda request: HttpResponseNotFound("There is no such file."))
