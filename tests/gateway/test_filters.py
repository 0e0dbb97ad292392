"""The filter language: what is understood, what is refused and where, and that whatever is understood can be asked."""

from __future__ import annotations

import json
import string
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sojourn_gateway.engine import columns
from sojourn_gateway.engine.where import compile_where
from sojourn_gateway.model.score import ScoresAsk
from sojourn_gateway.model.session import SessionsAsk
from sojourn_gateway.model.spans_ask import SpansAsk
from sojourn_gateway.model.trace import TracesAsk
from sojourn_gateway.model.where import (
    DYNAMIC,
    FIELDS,
    OPERATORS,
    AllOf,
    Among,
    AnyOf,
    Between,
    Compare,
    Exists,
    Field,
)
from sojourn_gateway.query.filters import MOST_FILTER, BadFilter, parse_filter, parse_filter_list
from sojourn_gateway.query.predicates import find_field

if TYPE_CHECKING:
    from sojourn_gateway.model.where import Kind, Resource, Where
    from tests.gateway.sender import Store

RESOURCES: Final[tuple[Resource, ...]] = ("traces", "spans", "sessions", "scores")
COLUMNS: Final = {
    "traces": columns.TRACES,
    "spans": columns.SPANS,
    "sessions": columns.SESSIONS,
    "scores": columns.SCORES,
}


def test_clauses_are_joined_by_and_and_alternatives_stand_in_brackets() -> None:
    found = parse_filter("traces", 'status = ERROR and (cost > 0.5 or model contains "gpt 4") and tags != slow')

    assert found == AllOf(
        (
            Compare(Field("status", "status"), "equals", "ERROR"),
            AnyOf(
                (
                    Compare(Field("cost", "numeric"), "gt", Decimal("0.5")),
                    Compare(Field("model", "string"), "contains", "gpt 4"),
                )
            ),
            Compare(Field("tags", "tags"), "notEquals", "slow"),
        )
    )


def test_both_notations_mean_the_same() -> None:
    text = "metadata.plan does not exist and score__quality-1 >= 0.7 and user_id not contains 'a \\'b\\''"
    told = [
        {"field": "metadata.plan", "operator": "doesNotExist"},
        {"field": "score__quality-1", "operator": "gte", "value": 0.7},
        {"field": "user_id", "operator": "notContains", "value": "a 'b'"},
    ]

    assert parse_filter("spans", text) == parse_filter("spans", json.dumps(told))
    assert parse_filter("spans", text) == parse_filter_list("spans", told, "filters")


def test_json_says_also_lists_and_ranges() -> None:
    told = [
        {"or": [{"field": "model", "operator": "in", "value": ["a", "b"]}]},
        {"field": "latency_ms", "operator": "between", "value": [1, "2.50"]},
        {"field": "tags", "operator": "notIn", "value": ["x"]},
    ]

    assert parse_filter("spans", json.dumps(told)) == AllOf(
        (
            AnyOf((Among(Field("model", "string"), ("a", "b")),)),
            Between(Field("latency_ms", "numeric"), Decimal(1), Decimal("2.50")),
            Among(Field("tags", "tags"), ("x",), negated=True),
        )
    )


def test_words_of_the_language_are_read_in_any_case() -> None:
    assert parse_filter("traces", "model STARTS WITH gpt AND metadata.a Exists") == AllOf(
        (
            Compare(Field("model", "string"), "startsWith", "gpt"),
            Exists(Field("metadata", "metadata", "a")),
        )
    )


@pytest.mark.parametrize("said", ["SUCCESS", "OK"])
def test_older_words_of_a_status_are_tolerated(said: str) -> None:
    assert parse_filter("traces", f"status={said}") == AllOf((Compare(Field("status", "status"), "equals", "OK"),))


@pytest.mark.parametrize(
    ("told", "place", "says"),
    [
        ("", 1, "expected the name of a field"),
        ("colour = red", 1, "known: model, user_id"),
        ("status = ERROR and colour = red", 20, "known: model"),
        ("model", 6, "expected an operator (=, !=, contains"),
        ("model > 3", 7, "takes no operator 'gt'"),
        ("search = a", 8, "takes no operator 'equals'"),
        ("search contains '?!'", 17, "at least one word"),
        ("cost contains 3", 6, "takes no operator 'contains'"),
        ("cost =", 7, "expected a value, found the end"),
        ("cost = much", 8, "expected a decimal number"),
        ("cost = 0x10", 8, "expected a decimal number"),
        ("cost = Infinity", 8, "expected a decimal number"),
        ("cost = 1234567890123456789", 8, "18 + 18 digits"),
        ("status = FINE", 10, "expected OK or ERROR"),
        ("model = a or model = b", 11, "inside brackets only"),
        ("(model = a and model = b)", 12, "outside brackets only"),
        ("(model = a or (model = b))", 15, "brackets do not nest"),
        ("(model = a", 11, "expected 'or' or ')', found the end"),
        ("model = a)", 10, "expected 'and' or the end"),
        ("model = 'a", 9, "a quote is never closed"),
        ("metadata.1st = a", 1, "a name must match"),
        ("metadata.a = " + "x" * 501, 14, "at most 500 characters"),
        ("m" * 129 + " = a", 1, "at most 128 characters"),
        (" and ".join(["model = a"] * 21), 281, "at most 20 predicates"),
        ("[", 2, "this is no JSON"),
        ("[" * 5000, "filter", "nesting"),
        ("[1]", "filter[0]", "expected an object"),
        ('[{"field": 1}]', "filter[0].field", "the name of a field"),
        ('[{"field": "model"}]', "filter[0].operator", "the name of an operator"),
        ('[{"field": "model", "operator": "like", "value": "a"}]', "filter[0].operator", "expected one of equals"),
        ('[{"field": "model", "operator": "equals"}]', "filter[0]", "exactly one value"),
        ('[{"field": "model", "operator": "equals", "value": 1}]', "filter[0].value", "expected a text"),
        ('[{"field": "model", "operator": "equals", "value": null}]', "filter[0].value", "a text or a number"),
        ('[{"field": "model", "operator": "equals", "value": "\\ud800"}]', "filter[0].value", "surrogate"),
        ('[{"field": "model", "operator": "equals", "value": "a", "not": true}]', "filter[0]", "unknown key 'not'"),
        ('[{"field": "cost", "operator": "equals", "value": NaN}]', "filter[0].value", "a number of at most"),
        ('[{"field": "cost", "operator": "equals", "value": 1e999999999}]', "filter[0].value", "a number of at most"),
        ('[{"field": "cost", "operator": "equals", "value": 1e99999999999999999999}]', "filter[0].value", "a number"),
        ('[{"field": "cost", "operator": "equals", "value": ' + "9" * 5000 + "}]", "filter", "too many digits"),
        ('[{"field": "cost", "operator": "between", "value": [1]}]', "filter[0].value", "exactly two"),
        ('[{"field": "cost", "operator": "between", "value": [2, 1]}]', "filter[0].value[0]", "above"),
        ('[{"field": "cost", "operator": "in", "value": 1}]', "filter[0].value", "takes a list"),
        ('[{"field": "cost", "operator": "in", "value": []}]', "filter[0].value", "from 1 to 50"),
        ('[{"field": "metadata.a", "operator": "exists", "value": 1}]', "filter[0].value", "expected a text"),
        ('[{"field": "metadata.a", "operator": "exists", "value": "1"}]', "filter[0].value", "takes no value"),
        ('[{"or": []}]', "filter[0].or", "expected a list"),
        ('[{"or": [{"or": []}]}]', "filter[0].or[0]", "unknown key 'or'"),
        ("x" * (MOST_FILTER + 1), MOST_FILTER + 1, "at most 16384 characters"),
    ],
)
def test_what_is_not_understood_says_where_and_what_was_expected(told: str, place: int | str, says: str) -> None:
    with pytest.raises(BadFilter) as caught:
        parse_filter("traces", told)

    assert caught.value.place == place
    assert says in caught.value.problem


@pytest.mark.parametrize("resource", RESOURCES)
def test_every_field_of_a_resource_has_its_column(resource: Resource) -> None:
    spoken = {*FIELDS[resource], *(family.prefix.rstrip("._") for family in DYNAMIC[resource])}

    assert spoken <= set(COLUMNS[resource])


TEXT: Final = st.text(max_size=40).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text))
NUMBER: Final = st.decimals(-(10**9), 10**9, places=6).map(lambda number: f"{number:f}")
MOMENT: Final = st.datetimes().filter(lambda at: at.year >= 1970).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}Z")


def values(kind: Kind) -> st.SearchStrategy[str]:
    """Values that a field of a kind takes."""
    match kind:
        case "numeric" | "score":
            return NUMBER
        case "datetime":
            return MOMENT
        case "status":
            return st.sampled_from(["OK", "ERROR", "SUCCESS", "FAIL"])
        case "string" | "tags" | "metadata":
            return TEXT
        case "search":
            return TEXT.filter(lambda text: any(letter.isalnum() for letter in text))


@st.composite
def leaves(draw: st.DrawFn, resource: Resource) -> dict[str, Any]:
    """A predicate of the JSON notation."""
    fields: list[tuple[str, Kind]] = list(FIELDS[resource].items())
    for family in DYNAMIC[resource]:
        key = draw(st.text(string.ascii_letters, min_size=1, max_size=10))
        fields.append((family.prefix + key, family.kind))
    name, kind = draw(st.sampled_from(fields))
    operator = draw(st.sampled_from(OPERATORS[kind]))
    told: dict[str, Any] = {"field": name, "operator": operator}
    if operator in ("in", "notIn"):
        told["value"] = draw(st.lists(values(kind), min_size=1, max_size=4))
    elif operator == "between":
        found = draw(st.lists(values(kind), min_size=2, max_size=2))
        told["value"] = sorted(found) if kind == "datetime" else sorted(found, key=Decimal)
    elif operator not in ("exists", "doesNotExist"):
        told["value"] = draw(values(kind))
    return told


@st.composite
def filters(draw: st.DrawFn, resource: Resource) -> list[dict[str, Any]]:
    """A whole filter of the JSON notation."""
    one = leaves(resource)
    several = st.lists(one, min_size=1, max_size=3).map(lambda found: {"or": found})
    return draw(st.lists(one | several, max_size=4))


def ask(store: Store, resource: Resource, where: Where) -> int:
    """How many there are."""
    match resource:
        case "traces":
            return store.queries.traces(store.project, TracesAsk(where=where)).total
        case "spans":
            return store.queries.spans(store.project, SpansAsk(where=where)).total
        case "sessions":
            return store.queries.sessions(store.project, SessionsAsk(where=where)).total
        case "scores":
            return store.queries.scores(store.project, ScoresAsk(where=where)).total


@pytest.mark.parametrize("resource", RESOURCES)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_whatever_is_understood_can_be_asked(store: Store, resource: Resource, data: st.DataObject) -> None:
    where = parse_filter_list(resource, data.draw(filters(resource)), "filters")

    assert ask(store, resource, where) == 0


TEXTS: Final = ("string", "tags", "metadata", "search")
HOSTILE: Final = "'; drop table spans --"


@pytest.mark.parametrize("resource", RESOURCES)
@settings(deadline=None)
@given(data=st.data())
def test_values_are_never_part_of_the_statement(resource: Resource, data: st.DataObject) -> None:
    leaf = data.draw(leaves(resource).filter(lambda leaf: "value" in leaf))
    field = find_field(resource, leaf["field"], 1)
    value = HOSTILE if field.kind in TEXTS else "2031-05-05T05:05:05Z" if field.kind == "datetime" else "987654321"
    if field.kind != "status":
        leaf["value"] = [value, value] if isinstance(leaf["value"], list) else value
    if field.key:
        leaf["field"] = leaf["field"].removesuffix(field.key) + "some_odd_key"

    compiled = compile_where(parse_filter_list(resource, [leaf], "filters"), COLUMNS[resource])

    assert not any(found in compiled.text for found in ("drop table", "2031", "987654321", "ERROR", "some_odd_key"))
    assert compiled.values


@settings(deadline=None)
@given(st.text(max_size=60) | st.text("()=!<>'\" amodelndrct.1[]{}", max_size=40))
def test_any_text_is_understood_or_refused(told: str) -> None:
    with suppress(BadFilter):
        assert isinstance(parse_filter("spans", told), AllOf)
