"""When the rules about secrets look at a file at all.

Every file of a run passes here, so each look starts with what is rare: a quoted run of characters with a digit in it.
Only what stands there is tried as the start of a key, or asked whether the name of a secret stands in front of it.
"""

from __future__ import annotations

import re

from ..rule import Trigger

_LONG_RUN = re.compile(r"[\"'=/ ](?=[\w./+-]{16})(?=[\w.-]{0,40}\d)")
_KEY_START = re.compile(
    r"sk[-_]|[sr]k_|hf_|api_org_|gsk_|AIza|A3T|AKIA|ASIA|ABIA|ACCA|ABSK|GOCSPX|ya29\.|r8_|pplx-|xai-|pcsk_|lsv2_|tgp_v1_|fw_|csk-"
    r"|nvapi-|tvly-|jina_|wandb_v1_|llx-|e2b_|fc-|rpa_|dapi|sgp_|slk_|pnu_|sb[ps]_|gh[pousr]_|github_pat_|glpat-|gl[a-z]{2,5}-|xox"
    r"|xapp-|whsec_|SG\.|npm_|pypi-|ntn_|secret_|lin_api_|phx_|sntry|key_|live_|pat_|4b1d|ey[A-Za-z0-9]{17}|[MNO][\w-]{23,25}\."
)
_VALUE = re.compile(
    r"[\"'](?:Bearer |Basic |Token )?"
    r"(?:(?=[^\"'\s]{0,60}\d)(?=[^\"'\s]{0,60}[A-Za-z])|(?=(?:[^\"'\s]{0,20}[a-z][A-Z]){3})|(?=sk-|hf_|gsk_))[^\"'\s<>{}]{6}"
)
_NAME_IN_FRONT = re.compile(
    r"(?:key(?!word)|token(?!iz|_type|_ids)|secret|pass|pwd|cred|bearer|salt|authorization)"
    r"\w*[\"'\])]{0,3}\s{0,4}(?::[^\"'\n=]{0,30})?(?:[!=]?=|[:,(])\s{0,4}(?:[^\"'\n)]{0,30}(?:\(|default=))?\(?[rbfu]{0,2}$",
    re.IGNORECASE,
)
_ELSEWHERE = [  # each starts with plain characters, which makes it fast
    re.compile(pattern)
    for pattern in (
        r"://[^\s/:@'\"]{0,80}:[^\s/:@{}<>'\"]{3,80}@",
        r"[?&]\w{0,20}(?:key|token|secret|pass\w{0,4}|pwd)=[^\s\"'{}%$&<]{8}",
        *(rf"{end}=[^\s\"'{{}}%$(),]{{8,200}}[;\"' ]" for end in ("word", "WORD", "wd", "WD", "[kK]ey", "KEY")),
        r"hooks\.slack\.com",
        "-----BEGIN",
        "JQQJ9",
        r"Q~(?<=\dQ~)",
        r":AA(?<=\d{8}:AA)",
    )
]
_WORD = re.compile(r"[\"'](?=[^\"'\s]{4,200}[\"'])")
_QUOTED_NAME_IN_FRONT = re.compile(
    r"(?:[a-z]_?key|token(?!iz|s|_type|_id)|secret|passw|passphrase|passcode|pwd|pswd|cred|bearer|salt)"
    r"\w*(?:[\"']\]?\s{0,4}[:,]|(?:[\"']\])?\s{0,4}(?::[^\"'\n=]{0,30})?[!=]?=)(?!\s*re\.)\s{0,4}(?:[^\"'\n]{0,30}(?:\(|default=))?\(?[rbfu]{0,2}$",
    re.IGNORECASE,
)
#: How far in front of a value its name may start.
_REACH = 80


def may_hold_secret(text: str) -> bool:
    """Tell whether a text holds the start of a provider's key, a credible value behind a secret's name, or a URL password."""
    return (
        any(_KEY_START.match(text, run.end()) for run in _LONG_RUN.finditer(text))
        or any(
            _NAME_IN_FRONT.search(text, max(value.start() - _REACH, 0), value.start()) for value in _VALUE.finditer(text)
        )
        or any(elsewhere.search(text) for elsewhere in _ELSEWHERE)
    )


def may_hold_word(text: str) -> bool:
    """Tell whether a text holds a literal without spaces right behind the name of a secret."""
    return any(
        _QUOTED_NAME_IN_FRONT.search(text, max(word.start() - _REACH, 0), word.start()) for word in _WORD.finditer(text)
    )


SECRET_TRIGGER = Trigger(test=may_hold_secret)
