"""Which texts are secrets: three kinds of evidence, by the text and by the name that it is bound to.

*Format*: the text holds a provider's key, whatever it is called. *Prefix*: its name is that of a secret, and it
starts as a provider's keys do. *Value*: its name is that of a secret, and it looks random. *Word*: its name is that of
a secret, and it is neither empty nor a placeholder; that alone is where linters are wrong a hundred times in a hundred. *Signing*:
a web application signs its sessions with it, whatever it is.

Triage asks here too, before anything is parsed: this module needs no libcst.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from ..knowledge import table

_WORD_BREAK = re.compile(r"([a-z0-9])([A-Z])|([A-Z]+)([A-Z][a-z])")
_NOT_WORD = re.compile(r"[^A-Za-z0-9]+")
_URL_PASSWORD = re.compile(
    r"[a-z][a-z0-9+.-]{2,20}://(?P<user>[^\s/:@{}<>'\"]{0,80}):(?P<password>[^\s/:@{}<>'\"]{3,80})@(?P<host>[^\s/@]+)"
)
_OWN_HOST = re.compile(r"localhost\b|127\.0\.0\.1\b|0\.0\.0\.0\b|host\.docker\.internal\b")
#: A name with its value inside of a text: `?key=…` in a URL, `"token": "…"` in JSON, `Password=…;` in a connection string.
_PAIR = re.compile(
    r"(?:(?P<query>[?&]key)=|(?:^|[?&;\s])(?P<plain>[A-Za-z][\w-]{2,40})=|[\"'](?P<quoted>[A-Za-z][\w-]{2,40})\\?[\"']\s{0,2}:\s{0,2}\\?[\"'])"
    r"(?P<value>[^\s\"'\\&;,<>{}()$]{8,200})"
)
_USUAL_PASSWORDS = frozenset(
    {"user", "pass", "passwd", "pwd", "username", "root", "admin", "postgres", "password", "guest", "minioadmin"}
)
#: No provider's key is shorter: most literals are, and need not be searched.
_SHORTEST_KEY = 12
_FILLING = re.compile(r"[.…*]+$|x{2,}$")
#: Camel case: what looks like mixed case in `NotNeededSinceThisIsLocal`.
_HUMP = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a value is held to be a secret, and what may be shown of it."""

    kind: Literal["format", "prefix", "value", "word", "signing"]
    shown: str  #: its prefix and last two characters at most
    provider: str | None = None


def judge(name: str | None, value: str) -> Evidence | None:
    """Return the evidence that ``value``, bound to ``name``, is a secret; None where there is none worth a word."""
    found = by_format(value)
    if found is not None:
        return found
    url = _URL_PASSWORD.search(value) if "://" in value else None
    if url is not None and _is_url_password(url):
        return Evidence("value", f"{_shown(url['password'], '')}@")
    named = by_name(name, value) if name is not None else None
    return named or _by_pair(value)


def as_signing_key(value: str) -> Evidence | None:
    """Return the evidence of a literal that signs sessions; None for a mere mark where one is to be filled in.

    ``your_secret_key`` is none: the application runs with it, and anyone guesses it.
    """
    return None if _placeholders("marks").search(value) else Evidence("signing", _shown(value, ""))


def _is_url_password(url: re.Match[str]) -> bool:
    """Is the password of a URL one: no placeholder, no usual word, and for this machine's own servers no word at all?"""
    password = url["password"]
    if _is_placeholder(password) or password.lower() in _USUAL_PASSWORDS:
        return False
    if password == url["user"] and "." not in url["host"]:  # `app:app@db:5432`, as container files set them up
        return False
    return _looks_random(password) or not _OWN_HOST.match(url["host"])


def _by_pair(value: str) -> Evidence | None:
    """Return the evidence in a text that itself gives a secret's name and a credible value."""
    pairs = (
        ((match["query"] and "api_key") or match["plain"] or match["quoted"], match["value"])
        for match in _PAIR.finditer(value)
    )
    found = (by_name(name, text) for name, text in pairs)
    return next((evidence for evidence in found if evidence is not None and evidence.kind != "word"), None)


def by_format(value: str) -> Evidence | None:
    """Return the evidence of a provider's key anywhere in a text."""
    match = key_formats().search(value) if len(value) >= _SHORTEST_KEY else None
    if match is None or _spelled_out().search(match.group()) or len(set(match.group())) < 8:
        return None
    key = match.group()
    fact = table("key_formats")["format"][int(match.lastgroup[1:])] if match.lastgroup else {}
    prefix = fact.get("prefix", "")
    provider = None if fact.get("shared") else fact.get("provider")
    return Evidence("format", _shown(key, prefix if key.startswith(prefix) else ""), provider)


@lru_cache(maxsize=1000)
def is_secret_name(name: str) -> bool:
    """Is this what a secret is called: neither a name about one nor a word of other trades?"""
    return _name_secrets(_words(name))


def by_name(name: str, value: str) -> Evidence | None:
    """Return the evidence that a name and its value give together."""
    words = _words(name) if "::" not in name else ""  # `AWS::ApiGateway::ApiKey` names a kind of thing
    scheme, _, rest = value.strip().partition(" ")
    if rest and scheme in table("secrets")["values"]["authentication_schemes"]:
        value, words = rest.strip(), "bearer"
    if not _name_secrets(words) or len(value) < 4 or (re.search(r"\s", value) and not _is_binary(value)):
        return None
    prefix = _prefixes().match(value)
    if prefix is not None:
        return Evidence("prefix", _shown(value, prefix.group())) if _is_key_body(value[prefix.end() :]) else None
    if _is_placeholder(value) or _not_secret().search(value):
        return None
    own_words = _words(value)
    if not own_words or own_words in words or words in own_words:
        return None
    return Evidence("value" if _looks_random(value) else "word", _shown(value, ""))


def _is_key_body(body: str) -> bool:
    """Could this be what follows a provider's prefix: no placeholder, no plain word, and more than dots (`sk-12345...`)?"""
    shown = _FILLING.sub("", body)
    if shown != body:
        shown = re.split(r"[-_]", shown)[-1]  # `sk-ant-...` says no more than `sk-...`
    if len(shown) < 4 or _placeholders("anywhere").search(shown) or re.search(r"test|key", shown, re.IGNORECASE):
        return False
    words = re.fullmatch(r"[a-z]+(?:[-_][a-z]+)*", shown) and re.split(r"[-_]", shown)
    return not words or (len(shown) >= 20 and len(words) < 3)  # `sk-verify-only-no-real-calls` is a sentence


def _looks_random(value: str) -> bool:
    """Letters and digits that repeat little, or a long mix of cases; words joined by punctuation are no such thing."""
    if re.fullmatch(r"[a-z]+(?:[_.:/-][a-z]+)*", value, re.IGNORECASE) and not _mixed_inside(value):
        return False
    has_digit, has_letter = re.search(r"\d", value), re.search(r"[A-Za-z]", value)
    if len(value) >= 8 and has_digit and has_letter and _entropy(value) >= 2.5:
        is_word = re.fullmatch(r"[A-Za-z]+(?:[_-][A-Za-z]+)*[_-]?\d{1,3}", value)  # `embedding-3`, `admin123`
        return not is_word and not re.fullmatch(r"[a-z]{3,9}\d[a-z]{3,9}", value)  # `graph4people`
    if 6 <= len(value) < 8 and re.search(
        r"[A-Za-z]\d+[A-Za-z]+\d", value
    ):  # `p4ssw0rd`: no word, no counter behind one
        return True
    return len(value) >= 12 and _mixed_inside(value) and _entropy(value) >= 3


def _is_binary(value: str) -> bool:
    """Are these bytes written out (`_5#y2\\n\\xec]/`), in which white space is chance?"""
    return " " not in value and len(value) <= 64 and re.search(r"[^\s\x20-\x7e]", value) is not None


def _mixed_inside(value: str) -> bool:
    """Are the cases mixed more than camel case mixes them?"""
    humps = _HUMP.findall(value)
    if "".join(humps) == value and len(value) >= 4 * len(humps):
        return False
    changes = re.findall(r"[a-z][A-Z]|[A-Z]{2}[a-z]", value)
    return len(changes) >= max(3, len(value) // 6)


def _entropy(value: str) -> float:
    """Return the Shannon entropy of the characters, in bits per character."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)


def _shown(value: str, prefix: str) -> str:
    """Return what may be printed of a secret: its provider's prefix and, of a long one, the last two characters."""
    last = value[-2:] if len(value) >= 10 and value[-2:].isprintable() else ""
    return f"{prefix}…{last}"


def _name_secrets(words: str) -> bool:
    names = _names()
    return bool(names[0].search(words)) and not names[1].search(words) and not names[2].search(words)


def _is_placeholder(value: str) -> bool:
    return bool(
        _placeholders("anywhere").search(value)
        or _placeholders("in_ordinary_values").search(value)
        or _placeholders("whole").fullmatch(value)
    )


def _words(name: str) -> str:
    """Return ``open_ai_api_key`` for ``openAIApiKey`` and for ``OPEN-AI-API-KEY``."""
    spaced = _WORD_BREAK.sub(lambda m: f"{m[1]}_{m[2]}" if m[1] else f"{m[3]}_{m[4]}", name)
    return _NOT_WORD.sub("_", spaced).lower().strip("_")


def _alternatives(patterns: Sequence[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


@cache
def key_formats() -> re.Pattern[str]:
    """Return one pattern for all formats; the group that matched, ``f12``, tells which."""
    formats = table("key_formats")["format"]
    body = "|".join(f"(?P<f{number}>{fact['pattern']})" for number, fact in enumerate(formats))
    return re.compile(rf"(?<![A-Za-z0-9_])(?:{body})(?![A-Za-z0-9])")


@cache
def _prefixes() -> re.Pattern[str]:
    prefixes = sorted({fact["prefix"] for fact in table("key_formats")["format"]} - {"", "ey"}, key=len, reverse=True)
    return re.compile(_alternatives([re.escape(prefix) for prefix in prefixes]))


@cache
def _names() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    names = table("secrets")["names"]
    return (
        re.compile(rf"(?:^|_)(?:{_alternatives(names['secret'])})s?\d*(?:$|_)"),
        re.compile(rf"(?:^|_)(?:{_alternatives(names['about'])})(?:_\d+)?$"),
        re.compile(rf"(?:^|_)(?:{_alternatives(names['vocabulary'])})(?:$|_)"),
    )


@cache
def _placeholders(where: str) -> re.Pattern[str]:
    return re.compile(_alternatives(table("secrets")["placeholders"][where]), re.IGNORECASE)


@cache
def _spelled_out() -> re.Pattern[str]:
    """Return the placeholders in one case throughout: in the random body of a key, `MoCk` says nothing."""
    patterns = table("secrets")["placeholders"]["anywhere"]
    return re.compile(_alternatives([*patterns, *(pattern.upper() for pattern in patterns if pattern.isalpha())]))


@cache
def _not_secret() -> re.Pattern[str]:
    return re.compile(_alternatives(table("secrets")["values"]["not_secret"]))
