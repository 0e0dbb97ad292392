"""Small text that unfolds to large values is refused before it does, in the words of each contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from sojourn_gateway.ingest.json_weight import check_weight
from sojourn_gateway.model.faults import TooLarge

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gateway.serving import Served

HEAVY = b'{"events": [' + b"{}," * 900_000 + b"{}]}"
"""Not three megabytes of text, and over two hundred of values."""


FAR = "\N{GRINNING FACE}".encode()
BODIES: Final[dict[str, Callable[[], bytes]]] = {
    "objects": lambda: HEAVY,
    "values": lambda: b"[" + b"1," * 4_500_000 + b"1]",
    "lists": lambda: b"[" * 4_000_000,
    "names": lambda: b"{" + b",".join(b'"%x": 1' % number for number in range(1_600_000)) + b"}",
    # One wide character makes all others as wide: in the document, and in the text.
    "wide": lambda: b'["' + b"x" * 40_000_000 + FAR + b'"]',
    "escaped": lambda: b'["' + b"x" * 60_000_000 + b'\\ud83d\\ude00"]',
}
"""Made one at a time, when they are asked for: all of them are large."""


@pytest.mark.parametrize("kind", BODIES)
def test_what_would_take_too_much_memory_is_too_large(kind: str) -> None:
    body = BODIES[kind]()
    with pytest.raises(TooLarge, match=r"unfolds to about .* MiB of values, the limit is 256 MiB"):
        check_weight(body)


@pytest.mark.parametrize("one", [b"", FAR, "\xe9".encode()])
def test_large_texts_are_no_large_values(one: bytes) -> None:
    check_weight(b'{"body": "' + b"a word, " * 1_500_000 + one + b'"}')


def test_every_contract_says_so_in_its_own_words(gateway: Served) -> None:
    json = {"Content-Type": "application/json"}
    for path in ("/v1/traces", "/v1/sessions/search", "/v2/create_session", "/v4/objects/upload/", "/session"):
        answer = gateway.client.post(path, content=HEAVY, headers=json)
        assert answer.status_code == 413, path
        assert "unfolds to about" in answer.text
    told = gateway.client.post("/v2/create_session", content=HEAVY, headers=json).json()
    assert set(told) == {"path", "message"}
