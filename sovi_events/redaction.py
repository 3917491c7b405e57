"""Secrets taken out of what nobody chose to send: values of telling keys, credentials in texts."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from .settings import in_effect

REDACTED = "[redacted]"
VARIABLE = "SOVI_REDACT_KEYS"
DEFAULT_KEYS = "password,passwd,passphrase,secret,token,cookie,authorization,otp,code,api_key"

SHORT_NAME = 4
"""Up to so many letters a name must be a word of the key: `otp` is none of `footprint`."""
_ORDINARY_CODES = set(
    "country currency error exit http language postal qr reason response return status zip".split()  # noqa: SIM905
)
"""What says of a `code` that it is none to log in with."""
_COUNTED = frozenset(
    ["age", "count", "length", "limit", "max", "min", "size", "total", "ttl", "used"]
)
"""What says of a number that it is about secrets, not one: `max_tokens`."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@?#]*:)[^\s/?#]*(?=@)", re.I)
_BEARER = re.compile(r"(\bbearer\s+)(?=\S*\d|\S{20})[\w.~+/=-]{8,}", re.I)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_HEADER = re.compile(
    r"(\b(?:proxy-)?authorization|\b(?:set-)?cookie)(['\"]?\s*[:=]\s*['\"]?)[^\n'\"]+", re.I
)
_ASSIGNED = re.compile(
    r"""(?<![\w-])([a-z][\w-]*)(\s*=\s*|["']\s*[:=]\s*)("[^"\n]*"|'[^'\n]*'|[^\s"'&,;)}\]]+)""",
    re.I,
)
_SHORT_NUMBER = re.compile(r"\d{1,3}")


def redact(value: Any, key: str = "") -> Any:
    """Return a JSON value with what is secret in it replaced by `[redacted]`.

    That is what stands under a key that names a secret, at any depth, and a credential in a text.
    """
    if isinstance(value, bool) or value is None:
        return value
    if _is_secret(key, in_effect().get(VARIABLE) or DEFAULT_KEYS) and not _is_count(key, value):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {name: redact(item, str(name)) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [redact(item) for item in value]
    return value


def redact_text(text: str) -> str:
    """Replace bearer tokens, passwords of URLs, and values assigned to a key that names a secret.

    The rest of the text stays as it is.
    """
    text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
    text = _BEARER.sub(rf"\1{REDACTED}", text)
    text = _JWT.sub(REDACTED, text)
    text = _HEADER.sub(rf"\1\2{REDACTED}", text)
    return _ASSIGNED.sub(_assigned, text)


def _assigned(found: re.Match[str]) -> str:
    key, between, value = found.groups()
    keys = in_effect().get(VARIABLE) or DEFAULT_KEYS
    if not _is_secret(key, keys) or _SHORT_NUMBER.fullmatch(value) or REDACTED[:-1] in value:
        return found[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{key}{between}{quote}{REDACTED}{quote}"


def _is_count(key: str, value: Any) -> bool:
    return isinstance(value, int | float) and not _COUNTED.isdisjoint(_words(key))


@lru_cache(maxsize=2000)
def _is_secret(key: str, keys: str) -> bool:
    words = _words(key)
    return any(_names(words, "".join(_words(name))) for name in keys.split(",") if name.strip())


def _names(words: Sequence[str], name: str) -> bool:
    """Whether a key of these words is named like that."""
    if len(name) > SHORT_NAME:
        return name in "".join(words)
    found = any(word.removesuffix("s") == name for word in words)
    return found and not (name == "code" and not _ORDINARY_CODES.isdisjoint(words))


def _words(key: str) -> list[str]:
    """Return the words of a key, however it sets them apart: api_key, apiKey, API-Key."""
    return [word.lower() for word in _WORD.findall(key)]
