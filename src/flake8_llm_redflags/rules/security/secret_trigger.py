"""When the rules about secrets look at a file at all.

Every file of a run passes here, so each look starts with what is found fast: long runs of characters that may be keys, and
literals that stand right behind a word of secrets. Only there is asked more.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..rule import Trigger
from ..trigger import Text

#: The fewest characters of a provider's key that stand together.
_SHORTEST_KEY = 16
_KEY = re.compile(
    rb"[ /](?:hf_[A-Za-z]{30}|api_org_[A-Za-z]{30}|(?=[\w./+-]{16})(?=[\w.-]{0,40}\d)"  # Hugging Face's have no digits
    rb"(?:sk[-_]|[sr]k_|hf_|api_org_|gsk_|AIza|A3T|AKIA|ASIA|ABIA|ACCA|ABSK|GOCSPX|ya29\.|r8_|pplx-|xai-|pcsk_|lsv2_|tgp_v1_|fw_|csk-"
    rb"|nvapi-|tvly-|jina_|wandb_v1_|llx-|e2b_|fc-|rpa_|dapi|sgp_|slk_|pnu_|sb[ps]_|gh[pousr]_|github_pat_|glpat-|gl[a-z]{2,5}-|xox"
    rb"|xapp-|whsec_|SG\.|npm_|pypi-|ntn_|secret_|lin_api_|phx_|sntry|key_|live_|pat_|4b1d|ey[A-Za-z0-9]{17}|[MNO][\w-]{23,25}\.))"
)
#: Between the name of a secret and the literal that it is bound to: `api_key: str = Field(default=`, `"token", r`.
_LITERAL_BEHIND = (
    r"\w*[\"'\])]{0,3}\s{0,4}(?::[^\"'\n=]{0,30})?(?:[!=]?=|[:,(])(?!\s*re\.)\s{0,4}"
    r"(?:[^\"'\n]{0,30}(?:\(|default=))?(?:\(\s{0,40})?[rbfu]{0,2}(?=[\"'])"
)
_NAMED = [  # each starts with plain characters, which makes it fast; for a text in lower case
    re.compile(word + _LITERAL_BEHIND)
    for word in (
        *("key(?!word)", "token(?!iz|_type|_ids)", "secret", "pass", "pwd", "pswd", "cred", "bearer", "salt"),
        "authorization",
    )
]
_CREDIBLE = re.compile(
    r"[\"'](?:Bearer |Basic |Token )?"
    r"(?:(?=[^\"'\s]{0,99}\d)(?=[^\"'\s]{0,60}[A-Za-z])|(?=(?:[^\"'\s]{0,20}[a-z][A-Z]){3})|(?=sk-|hf_|gsk_))[^\"'\s<>{}]{6}"
)
_ELSEWHERE = [
    re.compile(pattern)
    for pattern in (
        r"://[^\s/:@'\"]{0,80}:[^\s/:@{}<>'\"]{3,80}@",
        *(rf"{start}\w{{0,20}}(?:key|token|secret|pass\w{{0,4}}|pwd)=[^\s\"'{{}}%$&<]{{8}}" for start in (r"\?", "&")),
        *(rf"{end}=[^\s\"'{{}}%$(),]{{8,200}}[;\"' ]" for end in ("word", "WORD", "wd", "WD", "key", "Key", "KEY")),
        r"hooks\.slack\.com",
        "-----BEGIN",
        "JQQJ9",
        r"Q~(?<=\dQ~)",
        r":AA(?<=\d{8}:AA)",
        *(rf"{call}[^()\n]{{0,80}},\s*[\"'][^\"'\n]{{6}}" for call in (r"\.login\(", r"auth=\(", r"BasicAuth\(")),
        r"cohere\.\w{0,12}\(\s*[\"']",
    )
]
#: The key by which a web application signs its sessions; by which a program signs tokens.
_SIGNING = re.compile(r"(?:secret_key|SECRET_KEY)[\"']?\]?\s*[=:]\s*[^\r\n]{0,60}[\"']")
_WORD = re.compile(r"[\"']([^\"'\s]{4,200})[\"']")
#: Is a literal not all of the value, or not the value as it stands?
_GOES_ON = re.compile(r"\s*(?:[rbfu]{0,2}[\"']|[+#\\])", re.IGNORECASE)
_NAME = re.compile(r"[\w-]+")
#: What of a name may stand in front of the word by which it is found: in quotes more than a name may hold.
_START_OF_NAME = re.compile(r"[\"'][^\"'\n]{0,60}$|[\w-]{1,60}$")


class _Named(NamedTuple):
    """A literal behind a word of secrets: where the word starts, and where the literal does."""

    word: int
    literal: int


def _named_literals(text: Text) -> list[_Named]:
    lowered = text.lowered
    return [_Named(match.start(), match.end()) for pattern in _NAMED for match in pattern.finditer(lowered)]


def may_hold_secret(text: Text) -> bool:
    """Tell whether a text holds the start of a provider's key, a credible value behind a secret's name, or a URL password."""
    keys = b" ".join(run for run in text.runs if len(run) >= _SHORTEST_KEY)
    return (
        _KEY.search(b" " + keys) is not None
        or any(_CREDIBLE.match(text.text, named.literal) for named in text.answer(_named_literals))
        or any(elsewhere.search(text.text) for elsewhere in _ELSEWHERE)
        or (
            any(name in text.text for name in ("Flask", "Quart", "SessionMiddleware"))
            and _SIGNING.search(text.text) is not None
        )
        or "jwt.encode(" in text.text
    )


def may_hold_word(text: Text) -> bool:
    """Tell whether a text binds an ordinary word to the name of a secret."""
    return any(_is_word(text.text, named) for named in text.answer(_named_literals))


def _is_word(text: str, named: _Named) -> bool:
    from ...code.secret_evidence import by_name, is_secret_name

    word = _WORD.match(text, named.literal)
    if word is None:
        return False
    names = [name for name in _names(text, named) if is_secret_name(name)]
    value = word[1]
    if not names or "{" in value or "\\" in value or _GOES_ON.match(text, word.end()):
        return bool(names)
    found = (by_name(name, value) for name in names)
    return any(evidence is not None and evidence.kind == "word" for evidence in found)


def _names(text: str, named: _Named) -> list[str]:
    """Return all that may be the name of the literal: any name in front of it from the word of secrets on."""
    start = _START_OF_NAME.search(text, max(named.word - 80, 0), named.word)
    front = text[start.start() if start is not None else named.word : named.literal]
    quoted = front[1:].partition(front[0])[:1] if front[0] in "\"'" else ()
    return [*_NAME.findall(front), *quoted]


SECRET_TRIGGER = Trigger(test=may_hold_secret)
