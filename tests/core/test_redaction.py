"""The ready-made redactors: what they find, and what they leave."""

from __future__ import annotations

import re

import pytest

from sojourn.redaction import API_KEY, CARD, EMAIL, IP_ADDRESS, PHONE, SSN, Redactor, create_pii_masker

# Put together here, so that no scanner takes the file for one that leaks.
JWT = "eyJhbGciOiJI" + ".eyJzdWIiOiIx" + ".SflKxwRJSM"


@pytest.mark.parametrize(
    ("redactor", "text", "left"),
    [
        (EMAIL, "mail ada.b+x@sub.example.co.uk, now", "mail [EMAIL], now"),
        (EMAIL, "é@exämple.de.", "[EMAIL]."),
        (PHONE, "+33 1 23 45 67 89", "[PHONE]"),
        (PHONE, "call (555) 123-4567 now", "call [PHONE] now"),
        (PHONE, "tel:+1-415-555-0123", "tel:[PHONE]"),
        (PHONE, "5551234567", "[PHONE]"),
        (PHONE, "030 1234567", "[PHONE]"),
        (CARD, "4111 1111 1111 1111.", "[CREDIT_CARD]."),
        (CARD, "378282246310005", "[CREDIT_CARD]"),
        (SSN, "is 123-45-6789", "is [SSN]"),
        (IP_ADDRESS, "at 10.1.2.3.", "at [IP_ADDRESS]."),
        (IP_ADDRESS, "2001:db8::ff00:42:8329 and ::1", "[IP_ADDRESS] and [IP_ADDRESS]"),
        (IP_ADDRESS, "::ffff:1.2.3.4", "[IP_ADDRESS]"),
        (API_KEY, "key sk-" + "proj-abcdefghijklmnop1234", "key [API_KEY]"),
        (API_KEY, "AKIA" + "IOSFODNN7EXAMPLE", "[API_KEY]"),
        (API_KEY, "ghp_" + "abcdefghijklmnop1234567890", "[API_KEY]"),
        (API_KEY, "Authorization: Bearer abc.def-ghi_123", "Authorization: Bearer [API_KEY]"),
        (API_KEY, JWT, "[API_KEY]"),
    ],
)
def test_a_pattern_finds_its_kind(redactor: Redactor, text: str, left: str) -> None:
    assert redactor(text) == left


@pytest.mark.parametrize(
    ("redactor", "text"),
    [
        (EMAIL, "a@b and @decorator"),
        (PHONE, "2026-11-22 version 1.2.3 at 10.0.0.1"),
        (PHONE, "1234567890123"),
        (CARD, "4111111111111112"),
        (CARD, "0000000000000000"),
        (SSN, "000-12-3456"),
        (IP_ADDRESS, "999.1.1.1 12:30:45 std::vector"),
        (API_KEY, "ask-me-anything-about-the-task-management"),
        (API_KEY, "the bearer understands basic understanding"),
    ],
)
def test_a_pattern_leaves_what_only_looks_alike(redactor: Redactor, text: str) -> None:
    assert redactor(text) == text


def test_a_masker_masks_what_it_is_asked_to() -> None:
    text = "ada@example.com, 4111 1111 1111 1111, 123-45-6789, 10.0.0.1, +1 415 555 0123, K-77"

    assert create_pii_masker()(text) == text
    assert create_pii_masker(email=True)(text).startswith("[EMAIL], 4111")
    everything = create_pii_masker(
        email=True, phone=True, ssn=True, credit_card=True, ip_address=True, custom=[(r"K-\d+", "[CASE]")]
    )
    assert everything(text) == "[EMAIL], [CREDIT_CARD], [SSN], [IP_ADDRESS], [PHONE], [CASE]"


def test_a_custom_pattern_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(re.error):
        create_pii_masker(custom=[("(", "x")])
