"""Secrets taken out of what nobody chose to send: values of telling keys, credentials in texts."""

import base64
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from .settings import in_effect

REDACTED = "[redacted]"
VARIABLE = "SOVI_REDACT_KEYS"
DEFAULT_KEYS = (
    "password,passwd,pwd,passphrase,secret,token,cookie,sessionid,authorization,credential,"
    "private_key,otp,totp,code,api_key"
)

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
_ORDINARY_WORDS = re.compile("secretar|tokeni[sz]")

# Each repetition that another begins with is bounded: a message of any length takes its time once.
_URL_PASSWORD = re.compile(
    r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@?#]{0,200}:)"
    r"(?:[^\s/?#]{0,500}|(?!\d{1,5}/)[^\s?#@]{1,200})(?=@)",
    re.I,
)
_URL_TOKEN = re.compile(r"(://)(?=[^\s/@]{0,200}\d)[^\s/:@?#]{16,200}(?=@)")
_BEARER = re.compile(r"(\bbearer\s+)(?=\S{0,200}\d|\S{20})[\w.~+/=-]{8,}", re.I)
_BASIC = re.compile(r"(\bbasic\s+)([a-z0-9+/]{4,}={0,2})", re.I)
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_KNOWN_TOKEN = re.compile(
    r"\b(?:gh[opsru]_\w{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{10,})"
)
_SEPARATOR = r"(\\*['\"]?\s{0,9}[:=]\s{0,9}\\*['\"]?|['\"]\s?,\s?b?['\"])"
_AUTHORIZATION = re.compile(
    rf"(\b(?:proxy-)?authorization){_SEPARATOR}"
    r"(?:(?:digest|aws4\S*)\b[^\n]+|(?:basic|bearer|token|negotiate|ntlm|apikey)\s+[^\s'\"\\]+"
    r"|(?=\S{0,200}\d|\S{16})[\w.~+/=:-]{6,})",
    re.I,
)
_COOKIE = re.compile(rf"(\b(?:set-)?cookie){_SEPARATOR}[^\s=;'\"]{{1,200}}=[^\n'\"]*", re.I)
_VALUE = (
    r"""("(?:[^"\\\n]|\\.)*(?:"|\Z)|'(?:[^'\\\n]|\\.)*(?:'|\Z)"""
    r"""|\\+"[^"\\\n]*\\+"|[^\s"'\\&,;)}\]<]+)"""
)
_ASSIGNED = re.compile(
    rf"""(?<![\w-])([a-z][\w-]*)(\s{{0,9}}=\s{{0,9}}|\\*["']\s{{0,9}}[:=]\s{{0,9}})b?{_VALUE}""",
    re.I,
)
# What follows a colon alone is mostly said of the key: "token: expired".
_NAMED = re.compile(
    rf"(?<![\w-])([a-z][\w-]*)(:\s{{0,9}})(?=[\"']|[^\s]{{0,200}}\d|[^\s]{{16}}){_VALUE}", re.I
)
_OPTION = re.compile(rf"(?<!\S)(--[a-z][\w-]*)(\s+|=)(?!-){_VALUE}", re.I)
_ELEMENT = re.compile(r"(<([a-z][\w:.-]{0,60})>)([^<]+)(?=</\2>)", re.I)
_SHORT_NUMBER = re.compile(r"\d{1,3}")
_LOGIN_CODE = re.compile(r"\d{4,10}")


def redact(value: Any, key: str = "") -> Any:
    """Return a JSON value with what is secret in it replaced by `[redacted]`.

    That is what stands under a key that names a secret, at any depth, and a credential in a text.
    """
    if isinstance(value, bool) or value is None:
        return value
    if _is_secret(key, _keys()) and not _is_count(key, value) and _may_be_code(key, value):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        named = value.get("name", value.get("key"))
        if "value" in value and isinstance(named, str):
            value = {**value, "value": redact(value["value"], named)}
        return {name: redact(item, str(name)) for name, item in value.items()}
    if isinstance(value, Sequence):
        if all(map(_is_pair, value)):
            return [[name, redact(item, name)] for name, item in value]
        return [redact(item) for item in value]
    return value


def redact_text(text: str) -> str:
    """Replace bearer tokens, passwords of URLs, and values assigned to a key that names a secret.

    The rest of the text stays as it is.
    """
    text = _URL_PASSWORD.sub(rf"\1{REDACTED}", text)
    text = _URL_TOKEN.sub(rf"\1{REDACTED}", text)
    text = _AUTHORIZATION.sub(rf"\1\2{REDACTED}", text)
    text = _COOKIE.sub(rf"\1\2{REDACTED}", text)
    text = _BEARER.sub(rf"\1{REDACTED}", text)
    text = _BASIC.sub(_basic, text)
    text = _JWT.sub(REDACTED, text)
    text = _KNOWN_TOKEN.sub(REDACTED, text)
    text = _ELEMENT.sub(_element, text)
    for pattern in (_ASSIGNED, _NAMED, _OPTION):
        text = pattern.sub(_assigned, text)
    return text


def _keys() -> str:
    return in_effect().get(VARIABLE) or DEFAULT_KEYS


def _assigned(found: re.Match[str]) -> str:
    key, between, value = found.groups()
    bare = value.strip("\\\"'")
    is_left = REDACTED[:-1] in value or _SHORT_NUMBER.fullmatch(bare)
    if is_left or not _is_secret(key, _keys()) or not _may_be_code(key, bare):
        return found[0]
    quote = re.match(r"\\*[\"']?", value)[0]  # type: ignore[index]  # it matches nothing, too
    return f"{found[0].removesuffix(value)}{quote}{REDACTED}{quote}"


def _basic(found: re.Match[str]) -> str:
    """Redact what is a user and a password in Base64; `Basic authentication` is not."""
    try:
        pair = base64.b64decode(found[2] + "=" * (-len(found[2]) % 4), validate=True)
    except ValueError:
        return found[0]
    return f"{found[1]}{REDACTED}" if b":" in pair else found[0]


def _element(found: re.Match[str]) -> str:
    is_secret = _is_secret(found[2], _keys()) and _may_be_code(found[2], found[3])
    return f"{found[1]}{REDACTED}" if is_secret else found[0]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[0], str)


def _may_be_code(key: str, value: Any) -> bool:
    """Whether a value could log in, should all that is said of it be that it is a code."""
    return _words(key) != ["code"] or bool(_LOGIN_CODE.fullmatch(str(value)))


def _is_count(key: str, value: Any) -> bool:
    return isinstance(value, int | float) and not _COUNTED.isdisjoint(_words(key))


@lru_cache(maxsize=2000)
def _is_secret(key: str, keys: str) -> bool:
    words = _words(key)
    return any(_names(words, "".join(_words(name))) for name in keys.split(",") if name.strip())


def _names(words: Sequence[str], name: str) -> bool:
    """Whether a key of these words is named like that."""
    if len(name) > SHORT_NAME:
        return name in _ORDINARY_WORDS.sub(" ", "".join(words))
    found = any(word.removesuffix("s") == name for word in words)
    return found and not (name == "code" and not _ORDINARY_CODES.isdisjoint(words))


def _words(key: str) -> list[str]:
    """Return the words of a key, however it sets them apart: api_key, apiKey, API-Key."""
    return [word.lower() for word in _WORD.findall(key)]
