"""Taking OTLP in over HTTP: both notations, both signals, and every way to get it wrong."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from sojourn_gateway.asgi.encodings import ENCODINGS
from tests.gateway.serving import PROTOBUF
from tests.gateway.story import Story, support_session

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gateway.serving import Served

JSON = "application/json"


def raw_deflate(data: bytes) -> bytes:
    """Deflate without the two bytes in front that HTTP wants, as some senders write it."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def wide_zstd() -> bytes:
    """A frame that says it needs a window of a gigabyte."""
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 30, zstd.CompressionParameter.content_size_flag: 0}
    packer = zstd.ZstdCompressor(options=options)
    return packer.compress(b"{}" * 1000) + packer.flush()


ENCODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "deflate without a header": raw_deflate,
    "zstd": zstd.compress,
    "x-gzip": gzip.compress,
}


def otlp_json(story: Story) -> bytes:
    """The same request in OTLP/JSON, whose ids are hexadecimal where protobuf's own JSON has base64."""
    told: dict[str, Any] = MessageToDict(encode_spans(story.spans()))
    for resource in told["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            by_name = {(span.name, span.start_time): span for span in story.spans()}
            for span in scope["spans"]:
                known = by_name[span["name"], int(span["startTimeUnixNano"])]
                assert known.context is not None
                span["traceId"] = f"{known.context.trace_id:032x}"
                span["spanId"] = f"{known.context.span_id:016x}"
                if known.parent is not None:
                    span["parentSpanId"] = f"{known.parent.span_id:016x}"
    return json.dumps(told).encode()


def rpc_message(body: bytes) -> tuple[int, str]:
    """Code and message of a `google.rpc.Status`, read by hand: no installed package ships it."""
    assert body[0] == 0x08
    assert body[2] == 0x12
    length, skip = (body[3], 4) if body[3] < 0x80 else ((body[3] & 0x7F) | body[4] << 7, 5)
    assert len(body) == skip + length
    return body[1], body[skip:].decode()


def test_spans_sent_as_protobuf_can_be_read_back_at_once(gateway: Served) -> None:
    story = support_session("s-protobuf")

    answer = gateway.send(story.encoded())

    assert answer.status_code == 200
    assert answer.headers["content-type"] == PROTOBUF
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    assert gateway.engine.settle(60)
    session = gateway.data("/v1/sessions/s-protobuf")
    assert session["span_count"] == len(story.spans()) == 7
    assert session["model_calls"] == 3
    assert session["total_tokens"] == 1204 + 88 + 1410 + 120 + 1500 + 5


def test_json_and_protobuf_of_the_same_spans_store_the_same(gateway: Served) -> None:
    story = support_session("s-notation")
    gateway.keep(story)
    before = gateway.data("/v1/sessions/s-notation")

    assert gateway.send(otlp_json(story), content_type=JSON).status_code == 200

    assert gateway.engine.settle(60)
    assert gateway.data("/v1/sessions/s-notation") == before


def test_json_is_answered_with_the_request_id_that_the_sender_chose(gateway: Served) -> None:
    answer = gateway.send(b'{"resourceSpans": []}', content_type=JSON, X_Request_Id="my-own-id")

    assert answer.json() == {"data": {"requestId": "my-own-id"}, "partialSuccess": {}}
    assert answer.headers["X-Request-Id"] == "my-own-id"


def test_a_request_id_that_cannot_stand_in_a_header_is_replaced(gateway: Served) -> None:
    answer = gateway.send(b'{"resourceSpans": []}', content_type=JSON, X_Request_Id="x" * 500)

    assert len(answer.headers["X-Request-Id"]) == 36


def test_every_answer_names_the_gateway(gateway: Served) -> None:
    for answer in (gateway.get("/health"), gateway.get("/v1/nowhere"), gateway.send(b"\xff")):
        assert answer.headers["Sojourn-Gateway"]


@pytest.mark.parametrize("content_type", [PROTOBUF, "application/json; charset=utf-8"])
@pytest.mark.parametrize("encoding", ENCODED)
def test_encodings_are_understood_in_both_notations(gateway: Served, encoding: str, content_type: str) -> None:
    story = support_session("s-encoded")
    body = story.encoded() if content_type == PROTOBUF else otlp_json(story)
    said = encoding.partition(" ")[0].title()

    answer = gateway.send(ENCODED[encoding](body), content_type=content_type, Content_Encoding=said)

    assert answer.status_code == 200
    assert gateway.engine.settle(60)
    assert gateway.data("/v1/sessions/s-encoded")["span_count"] == 7


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_of_several_members_is_read_whole(gateway: Served, encoding: str) -> None:
    body = support_session("s-members").encoded()
    halves = ENCODED[encoding](body[:500]) + ENCODED[encoding](body[500:])

    assert gateway.send(halves, Content_Encoding=encoding).status_code == 200
    assert gateway.engine.settle(60)
    assert gateway.data("/v1/sessions/s-members")["span_count"] == 7


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_compressed_body_may_come_a_byte_at_a_time(gateway: Served, encoding: str) -> None:
    packed = ENCODED[encoding](b'{"resourceSpans": []}')
    headers = {"Content-Type": JSON, "Content-Encoding": encoding.partition(" ")[0]}

    answer = gateway.client.post("/v1/traces", content=(bytes([one]) for one in packed), headers=headers)

    assert answer.status_code == 200


def test_an_encoding_that_is_unknown_is_told_which_are_known(gateway: Served) -> None:
    answer = gateway.send(b"{}", content_type=JSON, Content_Encoding="br")

    assert answer.headers["Accept-Encoding"] == "gzip, deflate, zstd"
    assert "gzip, deflate, zstd or absent" in answer.json()["error"]["message"]


def test_a_chunked_body_without_a_length_is_read(gateway: Served) -> None:
    body = support_session("s-chunked").encoded()

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]

    answer = gateway.client.post("/v1/traces", content=pieces(), headers={"Content-Type": PROTOBUF})

    assert answer.status_code == 200
    assert gateway.engine.settle(60)
    assert gateway.data("/v1/sessions/s-chunked")["span_count"] == 7


def test_logs_are_taken_in_as_json(gateway: Served) -> None:
    answer = gateway.send(b'{"resourceLogs": []}', signal="logs", content_type=JSON)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_otlp_payload"),
        (b"[]", "invalid_otlp_payload"),
        (b'{"spans": []}', "invalid_otlp_payload"),
        (b'{"resourceSpans": {}}', "invalid_otlp_payload"),
        (b"[" * 200_000, "invalid_otlp_payload"),
        (b"\xff\xfe{}", "invalid_otlp_payload"),
    ],
    ids=["torn", "a list", "other member", "no list", "deep", "no text"],
)
def test_json_that_is_no_otlp_is_refused_in_the_envelope(gateway: Served, body: bytes, code: str) -> None:
    answer = gateway.send(body, content_type=JSON)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


def test_undecodable_protobuf_is_refused_with_an_rpc_status(gateway: Served) -> None:
    answer = gateway.send(b"\xff\xff\xff\xff no protobuf")

    code, message = rpc_message(answer.content)
    assert (answer.status_code, answer.headers["content-type"], code) == (400, PROTOBUF, 3)
    assert "OTLP" in message


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_content_types_are_refused(gateway: Served, content_type: str) -> None:
    answer = gateway.send(b"{}", content_type=content_type)

    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"no gzip at all", "gzip", 400),
        (gzip.compress(b"\x0a" * 1000)[:-9], "gzip", 400),
        (gzip.compress(b"") + b"tail", "gzip", 400),
        (b"no zlib at all", "deflate", 400),
        (zlib.compress(b"\x0a" * 1000)[:-9], "deflate", 400),
        (b"no zstd at all", "zstd", 400),
        (zstd.compress(b"\x0a" * 1000)[:-3], "zstd", 400),
        (zstd.compress(b"") + b"tail", "zstd", 400),
        (wide_zstd(), "zstd", 400),
        (b"", "br", 415),
        (gzip.compress(gzip.compress(b"{}")), "gzip, gzip", 415),
        (gzip.compress(zstd.compress(b"{}")), "zstd,gzip", 415),
    ],
    ids=[
        "garbage",
        "torn",
        "tail",
        "deflate garbage",
        "deflate torn",
        "zstd garbage",
        "zstd torn",
        "zstd tail",
        "zstd window of a gigabyte",
        "brotli",
        "twice",
        "two",
    ],
)
def test_encodings_that_are_damaged_or_unknown_are_refused(
    gateway: Served, body: bytes, encoding: str, status: int
) -> None:
    answer = gateway.send(body, content_type=JSON, Content_Encoding=encoding)

    assert answer.status_code == status
    assert "error" in answer.json()


def test_a_body_above_the_limit_is_refused_with_words(small_gateway: Served) -> None:
    answer = small_gateway.send(b" " * 70_000, content_type=JSON)

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "payload_too_large"


def test_a_chunked_body_above_the_limit_is_refused_too(small_gateway: Served) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    answer = small_gateway.client.post("/v1/traces", content=pieces(), headers={"Content-Type": JSON})

    assert answer.status_code == 413


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_bomb_is_refused_before_it_unfolds(small_gateway: Served, encoding: str) -> None:
    """Less than 64 KB that would become 60 MB."""
    bomb = ENCODED[encoding](b" " * 60_000_000)
    assert len(bomb) < 65_536

    answer = small_gateway.send(bomb, content_type=JSON, Content_Encoding=encoding)

    assert answer.status_code == 413
    assert "decompressed" in answer.json()["error"]["message"]


def test_more_than_may_be_held_at_once_asks_to_come_again(crowded_gateway: Served) -> None:
    answer = crowded_gateway.send(b" " * 2_000, content_type=JSON)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["error"]["code"] == "rate_limited"
    assert crowded_gateway.send(b'{"resourceSpans": []}', content_type=JSON).status_code == 200


def test_one_bad_span_does_not_cost_its_neighbours(gateway: Served) -> None:
    story = support_session("s-partial")
    told = json.loads(otlp_json(story))
    told["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = ""

    answer = gateway.send(json.dumps(told).encode(), content_type=JSON)

    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert answer.json()["partialSuccess"]["errorMessage"]
    assert gateway.engine.settle(60)
    assert gateway.data("/v1/sessions/s-partial")["span_count"] == 6
