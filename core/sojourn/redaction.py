"""Ready-made redactors: functions from text to text for `init(redact=[...])`, each replacing what it knows by a mark.

Patterns find what looks like the thing. They cannot know that a text *is* one, and they miss what is written in a form
of its own: what must not be recorded at any price belongs behind `SOJOURN_CAPTURE_CONTENT=off`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from sojourn.arguments import demand_flag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "API_KEY",
    "CARD",
    "EMAIL",
    "IP_ADDRESS",
    "PHONE",
    "SSN",
    "Redactor",
    "create_pii_masker",
]


def _any(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces each match of a pattern that also passes a check by a mark."""

    name: str
    pattern: re.Pattern[str]
    mark: str
    check: Callable[[str], bool] = _any

    def __call__(self, text: str) -> str:
        """The text with marks in it."""
        return self.pattern.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        found = match[0]
        if not self.check(found):
            return found
        # A pattern may need to see a word before the secret, which stays: `Bearer `, `password=`.
        kept = match.groupdict().get("kept") or ""
        return f"{kept}{self.mark}"


def _is_card(text: str) -> bool:
    digits = [int(digit) for digit in text if digit.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    # Luhn: every second digit from the right doubled, its own digits added; cards sum to a multiple of ten.
    doubled = (sum(divmod(digit * 2, 10)) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_phone(text: str) -> bool:
    return 8 <= sum(character.isdigit() for character in text) <= 15


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


# Bounded repeats throughout: a text of a megabyte without a match must not cost more than one look at each character.
EMAIL: Final = Redactor(
    "email",
    re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}"),
    "[EMAIL]",
)
PHONE: Final = Redactor(
    "phone",
    re.compile(
        r"(?<![\w.+-])(?:"
        r"\+\d{1,3}[\s.-]?(?:\(\d{1,4}\)[\s.-]?)?\d{1,4}(?:[\s.-]?\d{2,4}){1,4}"  # +33 1 23 45 67 89
        r"|(?:1[\s.-]?)?(?:\(\d{3}\)\s?|\d{3}[\s.-])\d{3}[\s.-]\d{4}"  # (555) 123-4567
        r"|0\d{1,4}(?:[\s./-]\d{2,8}){1,4}"  # 030 1234567
        r"|\d{10}"
        r")(?![\w-]|\.\d)"
    ),
    "[PHONE]",
    _is_phone,
)
CARD: Final = Redactor("card", re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)"), "[CREDIT_CARD]", _is_card)
SSN: Final = Redactor(
    "ssn", re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}([ -])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])"), "[SSN]"
)
IP_ADDRESS: Final = Redactor(
    "ip_address",
    re.compile(
        r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)"
        r"|(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{1,4}|(?<=::))(?![\w:]))"
    ),
    "[IP_ADDRESS]",
    _is_address,
)
API_KEY: Final = Redactor(
    "api_key",
    re.compile(
        r"(?<![A-Za-z0-9])(?:"
        # A digit tells a token from the next word of a sentence.
        r"(?P<kept>(?i:bearer\s{1,4}|authorization:\s{0,4}basic\s{1,4}))"
        r"(?=[A-Za-z._~+/-]{0,64}[0-9=]|[A-Za-z0-9._~+/-]{24})[A-Za-z0-9._~+/-]{8,4096}={0,2}"
        r"|(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,512}"  # OpenAI, Anthropic, Stripe, and many that follow them
        r"|(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
        r"|(?:gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{16,255}"
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,255}"
        r"|AIza[A-Za-z0-9_-]{35}"
        r"|(?:gsk|hf|xai|r8|npm|pypi)[-_][A-Za-z0-9_-]{20,512}"
        r"|eyJ[A-Za-z0-9_-]{5,4096}\.[A-Za-z0-9_-]{5,8192}\.[A-Za-z0-9_-]{0,4096}"  # a JWT
        r")"
    ),
    "[API_KEY]",
)


def create_pii_masker(
    *,
    email: bool = False,
    phone: bool = False,
    ssn: bool = False,
    credit_card: bool = False,
    ip_address: bool = False,
    custom: Iterable[tuple[str | re.Pattern[str], str]] = (),
) -> Callable[[str], str]:
    """One redactor of several ready-made ones, and of `custom` pairs of a pattern and what to put in its place.

    Raises `re.error` for a pattern that is none.
    """
    for name, wanted in (
        ("email", email),
        ("phone", phone),
        ("ssn", ssn),
        ("credit_card", credit_card),
        ("ip_address", ip_address),
    ):
        demand_flag(name, wanted)
    # Cards before phones, whose pattern would take a part of one.
    chosen = [
        redactor
        for redactor, wanted in (
            (EMAIL, email),
            (CARD, credit_card),
            (SSN, ssn),
            (IP_ADDRESS, ip_address),
            (PHONE, phone),
        )
        if wanted
    ]
    try:
        own = [(re.compile(pattern), replacement) for pattern, replacement in custom]
    except (TypeError, ValueError):
        raise TypeError("custom must be pairs of a pattern and the text to put in its place") from None

    def mask(text: str) -> str:
        for redactor in chosen:
            text = redactor(text)
        for pattern, replacement in own:
            text = pattern.sub(replacement, text)
        return text

    return mask
