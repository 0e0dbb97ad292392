"""Prices of model calls, from the offline table of `genai-prices`, as plain rates per million tokens.

The table costs about half a second to load, so it is loaded inside the first call of `rates`, and never updated over
the network. An unknown model has no rates: its cost is unknown, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genai_prices.types import ConditionalPrice, ModelInfo, ModelPrice, TieredPrices

__all__ = ["ALWAYS_NS", "Rates", "Tier", "Usage", "listed", "rates", "table_version"]

ALWAYS_NS: Final = (1 << 63) - 1
"""End of the validity of rates that are not known to change."""

_MILLION: Final = Decimal(1_000_000)
_SECOND: Final = 1_000_000_000
_ZERO: Final = Decimal(0)

# OpenTelemetry's names on the left, the table's on the right. Names that are not here are tried as they are.
_PROVIDERS: Final = {
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
    "xai": "x-ai",
}

_INPUT: Final = ("input_mtok", "cache_read_mtok", "cache_write_mtok", "input_audio_mtok")
_OUTPUT: Final = ("output_mtok", "output_reasoning_mtok", "output_audio_mtok")
# Billed apart from tokens by what a tool did, or by a cache life that spans do not tell: no gap in a token price.
_BESIDE: Final = frozenset(
    {
        "requests_kcount",
        "web_searches_kcount",
        "storage_searches_kcount",
        "cache_write_5m_mtok",
        "cache_write_1h_mtok",
        "cache_audio_read_mtok",
        "output_citation_mtok",
    }
)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used. `input` includes cached and audio tokens, `output` reasoning and audio tokens."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Tier:
    """US dollars per million tokens, for calls whose whole input is larger than `above`.

    A kind of token without a price of its own has its parent's: cached input that of input, reasoning that of output.
    """

    above: int
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    reasoning: Decimal
    audio_input: Decimal
    audio_output: Decimal

    def cost(self, usage: Usage) -> Decimal:
        """US dollars of the tokens at these rates. Parts that claim more than their whole leave nothing of it."""
        plain_input = usage.input - usage.cache_read - usage.cache_write - usage.audio_input
        plain_output = usage.output - usage.reasoning - usage.audio_output
        return (
            self.input * max(plain_input, 0)
            + self.cache_read * usage.cache_read
            + self.cache_write * usage.cache_write
            + self.audio_input * usage.audio_input
            + self.output * max(plain_output, 0)
            + self.reasoning * usage.reasoning
            + self.audio_output * usage.audio_output
        ) / _MILLION


@dataclass(frozen=True, slots=True)
class Rates:
    """What a model costs in a span of time. `tiers` has at least one, the first for any input, ascending."""

    tiers: tuple[Tier, ...]
    per_request: Decimal
    """US dollars for the call itself."""
    audio: bool
    """Whether audio tokens have prices of their own; else they are taken for text."""
    partial: bool
    """True when the model also bills what spans do not tell (images, seconds), or has no price of tokens at all."""
    since_ns: int
    until_ns: int
    """These rates hold from `since_ns` until before `until_ns`."""

    @property
    def input(self) -> Decimal:
        """Per million tokens of input, in the first tier."""
        return self.tiers[0].input

    @property
    def output(self) -> Decimal:
        """Per million tokens of output, in the first tier."""
        return self.tiers[0].output

    @property
    def cache_read(self) -> Decimal:
        """Per million tokens of input read from a cache, in the first tier."""
        return self.tiers[0].cache_read

    @property
    def cache_write(self) -> Decimal:
        """Per million tokens of input written to a cache, in the first tier."""
        return self.tiers[0].cache_write

    def cost(self, usage: Usage) -> Decimal:
        """US dollars of a call. The tier of its whole input holds for all its tokens."""
        tier = next((tier for tier in reversed(self.tiers) if usage.input > tier.above), self.tiers[0])
        return tier.cost(usage) + self.per_request

    def is_partial(self, usage: Usage) -> bool:
        """Whether `cost` is known to leave something out, or to take audio for text."""
        return self.partial or (not self.audio and bool(usage.audio_input or usage.audio_output))


def rates(provider: str, model: str, at_ns: int) -> Rates | None:
    """The rates of a model at a time; None when it is not known. `provider` is OpenTelemetry's name, or empty.

    A provider that the table does not have is ignored, and the model is looked for by its name alone.
    """
    if not model:
        return None
    info = _model(provider, model)
    if info is None:
        return None
    since, until = _window(info, min(max(at_ns, 0), ALWAYS_NS - 1))
    return _rates(provider, model, since, until)


def listed(at_ns: int) -> Iterator[tuple[str, Rates]]:
    """Every model of the table by its own name, and its rates at a time, in order of name."""
    from genai_prices.data_snapshot import get_snapshot

    names = {model.id for provider in get_snapshot().providers for model in provider.models}
    for name in sorted(names):
        found = rates("", name, at_ns)
        if found is not None:
            yield name, found


def table_version() -> str:
    """The version of the price table, without loading it."""
    from importlib.metadata import version

    return version("genai-prices")


@lru_cache(maxsize=4096)
def _model(provider: str, model: str) -> ModelInfo | None:
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    snapshot = get_snapshot()
    name = provider.strip().lower()
    name = _PROVIDERS.get(name, name)
    known = find_provider_by_id(snapshot.providers, name) if name else None
    try:
        return snapshot.find_provider_model(model, known, None, None)[1]
    except LookupError:
        return None


@lru_cache(maxsize=4096)
def _rates(provider: str, model: str, since_ns: int, until_ns: int) -> Rates | None:
    info = _model(provider, model)
    if info is None:
        return None
    price = info.get_prices(_moment(since_ns))
    stored = {key for key, value in vars(price).items() if value is not None}
    starts = sorted({start for key in stored for start in _starts(price, key)})
    return Rates(
        tiers=tuple(_tier(price, above) for above in (0, *starts)),
        per_request=(_price(price, "requests_kcount", 0) or _ZERO) / 1000,
        audio="input_audio_mtok" in stored or "output_audio_mtok" in stored,
        partial=not stored & {*_INPUT, *_OUTPUT} or bool(stored - {*_INPUT, *_OUTPUT} - _BESIDE),
        since_ns=since_ns,
        until_ns=until_ns,
    )


def _tier(price: ModelPrice, above: int) -> Tier:
    # Any input larger than `above`: one more token is the smallest that is.
    total = above + 1
    plain = _price(price, "input_mtok", total) or _ZERO
    answer = _price(price, "output_mtok", total) or _ZERO

    def or_else(key: str, fallback: Decimal) -> Decimal:
        own = _price(price, key, total)
        return fallback if own is None else own

    return Tier(
        above=above,
        input=plain,
        output=answer,
        cache_read=or_else("cache_read_mtok", plain),
        cache_write=or_else("cache_write_mtok", plain),
        reasoning=or_else("output_reasoning_mtok", answer),
        audio_input=or_else("input_audio_mtok", plain),
        audio_output=or_else("output_audio_mtok", answer),
    )


def _price(price: ModelPrice, key: str, total_input: int) -> Decimal | None:
    value: Decimal | TieredPrices | None = getattr(price, key)
    if value is None or isinstance(value, Decimal):
        return value
    return next((tier.price for tier in reversed(value.tiers) if total_input > tier.start), value.base)


def _starts(price: ModelPrice, key: str) -> Iterator[int]:
    value: Decimal | TieredPrices | None = getattr(price, key)
    if value is not None and not isinstance(value, Decimal):
        yield from (tier.start for tier in value.tiers)


def _window(info: ModelInfo, at_ns: int) -> tuple[int, int]:
    """The longest known time around `at_ns` in which no condition of the model's prices changes."""
    if not isinstance(info.prices, list):
        return 0, ALWAYS_NS
    turns = [turn for condition in info.prices for turn in _turns(condition, at_ns)]
    since = max((turn for turn in turns if 0 <= turn <= at_ns), default=0)
    until = min((turn for turn in turns if turn > at_ns), default=ALWAYS_NS)
    return since, until


def _turns(condition: ConditionalPrice, at_ns: int) -> Iterator[int]:
    """When the condition changes: its date, or its hours of the days around `at_ns`."""
    from genai_prices.types import StartDateConstraint, TimeOfDateConstraint

    match condition.constraint:
        case StartDateConstraint(start_date=day):
            yield _nanoseconds(datetime.combine(day, time(), UTC))
        case TimeOfDateConstraint(start_time=start, end_time=end):
            today = _moment(at_ns).date()
            for moment in (start, end):
                zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                for days in (-2, -1, 0, 1, 2):
                    yield _nanoseconds(datetime.combine(today + timedelta(days=days), zoned))
        case None:
            return


def _moment(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // _SECOND, UTC)


def _nanoseconds(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * _SECOND
