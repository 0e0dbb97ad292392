"""Prices of what is stored: by the user's file, kept as they were until somebody asks, priced anew on request."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from sojourn import semconv
from sojourn.home import Home
from sojourn.price_file import PriceList
from sojourn_gateway.engine import repricing
from sojourn_gateway.keeping import Keeper
from tests.gateway.sender import SECOND, T0, span, trace_id, usage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gateway.sender import Store

MILLION = 1_000_000


@pytest.fixture
def keeper(store: Store, tmp_path: Path) -> Keeper:
    """A keeper of the shared store."""
    return Keeper(store.engine, Home(tmp_path))


@pytest.fixture
def model(store: Store) -> str:
    """A model that nobody else asks about."""
    return f"model-of-{store.project}"


@pytest.fixture(autouse=True)
def usual_prices(store: Store) -> Iterator[None]:
    """Have the price table hold again for the tests that follow."""
    yield
    change(store, PriceList())


def change(store: Store, own: PriceList) -> None:
    """Open the price book anew, as the next start of the gateway does."""
    with store.engine.exclusively() as rollup:
        rollup.price_by(own)


def priced(tmp_path: Path, **entries: str) -> PriceList:
    """A file with dollars for a million tokens of input, and more lines."""
    path = tmp_path / "prices.toml"
    path.write_text("".join(f'[[price]]\nmodel = "{name}"\noutput = 0\n{more}\n' for name, more in entries.items()))
    return PriceList.read(path)


def call(model: str, session: str = "s", *, at_s: float = 0, more: dict[str, Any] | None = None) -> Any:
    """A call of a million tokens."""
    attributes = usage(MILLION, 0, **{"session.id": session, "gen_ai.request.model": model, **(more or {})})
    return span(trace_id(), at_s=at_s, attributes={**attributes, "gen_ai.response.model": model})


def costs(store: Store, session: str = "s") -> tuple[Decimal | None, int, list[Decimal | None]]:
    """The sum of a session, how many calls of it have no price, and what each span says."""
    found = store.session(session)
    return found.summary.cost.usd, found.summary.cost.unpriced, [one.cost for one in found.spans]


def test_a_model_without_a_price_is_counted_and_listed_and_has_no_cost(
    store: Store, keeper: Keeper, model: str
) -> None:
    store.send(call(model), call(model, at_s=1), call("gpt-4o-mini"))
    usd, unpriced, spans = costs(store)
    assert usd == Decimal("0.15")
    assert unpriced == 2
    assert sorted(spans, key=str) == [Decimal("0.15"), None, None]
    (told,) = keeper.unpriced(store.project)
    assert (told.provider, told.model, told.calls, told.input_tokens) == ("openai", model, 2, 2 * MILLION)


def test_a_new_price_holds_for_calls_from_now_on_and_for_stored_ones_when_asked(
    store: Store, keeper: Keeper, model: str, tmp_path: Path
) -> None:
    store.send(call(model))
    change(store, priced(tmp_path, **{model: "input = 2"}))
    later = 40 * 365 * 86400
    store.send(call(model, "later", at_s=later))
    assert costs(store) == (None, 1, [None])
    assert costs(store, "later") == (Decimal(2), 0, [Decimal(2)])
    keeper.reprice()
    assert costs(store) == (Decimal(2), 0, [Decimal(2)])
    assert keeper.unpriced(store.project) == []


def test_repricing_since_a_moment_leaves_what_is_older_as_it_was(
    store: Store, keeper: Keeper, model: str, tmp_path: Path
) -> None:
    change(store, priced(tmp_path, **{model: "input = 1"}))
    store.send(call(model, "old"), call(model, "new", at_s=3600))
    change(store, priced(tmp_path, **{model: "input = 5"}))
    assert costs(store, "new") == (Decimal(1), 0, [Decimal(1)])
    keeper.reprice(T0 + 1800 * SECOND)
    assert costs(store, "old") == (Decimal(1), 0, [Decimal(1)])
    assert costs(store, "new") == (Decimal(5), 0, [Decimal(5)])
    # Neither forgets at the next start.
    change(store, priced(tmp_path, **{model: "input = 5"}))
    store.send(call(model, "old", at_s=1))
    assert costs(store, "old") == (Decimal(2), 0, [Decimal(1), Decimal(1)])


def test_reported_costs_stay(store: Store, keeper: Keeper, model: str, tmp_path: Path) -> None:
    store.send(call(model, more={semconv.USAGE_COST: 0.25}))
    change(store, priced(tmp_path, **{model: "input = 5"}))
    keeper.reprice()
    assert costs(store) == (Decimal("0.25"), 0, [Decimal("0.25")])


def test_dated_prices_hold_each_in_their_time(store: Store, keeper: Keeper, model: str, tmp_path: Path) -> None:
    store.send(call(model, at_s=0), call(model, at_s=86400 * 60))
    path = tmp_path / "dated.toml"
    path.write_text(
        f'[[price]]\nmodel = "{model}"\ninput = 1\noutput = 0\n'
        f'[[price]]\nmodel = "{model}"\ninput = 10\noutput = 0\nsince = 2026-10-20\n'
    )
    change(store, PriceList.read(path))
    keeper.reprice()
    assert costs(store) == (Decimal(11), 0, [Decimal(1), Decimal(10)])


def test_audio_taken_for_text_marks_a_cost_partial(store: Store, keeper: Keeper, model: str, tmp_path: Path) -> None:
    store.send(call(model, more={semconv.USAGE_AUDIO_INPUT_TOKENS: 5}))
    change(store, priced(tmp_path, **{model: "input = 1"}))
    keeper.reprice()
    (one,) = store.session("s").spans
    assert one.cost_source == "partial"
    assert store.session("s").summary.cost.partial == 1


def test_repricing_that_died_half_way_is_finished_at_the_next_start(store: Store, model: str, tmp_path: Path) -> None:
    store.send(call(model))
    change(store, priced(tmp_path, **{model: "input = 2"}))
    with store.engine.exclusively() as rollup, store.engine.beside() as handle:
        repricing.mark(handle, 1)
        rollup.rates.relearn(0)
    repricing.resume_repricing(store.engine)
    assert costs(store) == (Decimal(2), 0, [Decimal(2)])
