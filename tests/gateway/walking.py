"""Asks every operation of an OpenAPI document for things of schemathesis' own invention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import checks as known_checks

if TYPE_CHECKING:
    from tests.gateway.serving import Served

__all__ = ["walk"]

_WANTED = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
_PATIENCE_S = 120
"""For one answer: its own ten seconds are few for a machine that has much else to do."""


def walk(gateway: Served, document: dict[str, Any], most: int, *, by_chance: bool = False) -> None:
    """Ask each operation `most` times: no answer may be a 500, nor one that the document does not know.

    The same things every time, unless `by_chance`: what passes today passes tomorrow.
    """
    schema: Any = schemathesis.openapi.from_dict(document)
    schema.config.base_url = gateway.url
    registry: Any = known_checks
    checks = [registry.CHECKS.get_one(name) for name in _WANTED]
    faults = list[Exception]()
    for found in schema.get_all_operations():
        # Of a walk that takes an hour, all is told that it met.
        try:
            _ask_one(found.ok(), checks, most, by_chance)
        except Exception as fault:  # each library raises its own
            faults.append(fault)
    if faults:
        raise ExceptionGroup("some operations answer what the document does not know", faults)


def _ask_one(operation: Any, checks: Any, most: int, by_chance: bool) -> None:
    @given(st.data())
    @settings(
        max_examples=most,
        deadline=None,
        derandomize=not by_chance,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
    def ask(data: st.DataObject) -> None:
        data.draw(operation.as_strategy()).call_and_validate(checks=checks, timeout=_PATIENCE_S)

    ask()
