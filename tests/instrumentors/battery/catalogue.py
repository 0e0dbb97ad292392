"""The catalogue: the subject of every instrumentor that this distribution offers, found as the SDK finds them."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from rivulet_subject import SUBJECT as RIVULET

from tests.instrumentors.battery.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.instrumentors.battery.subject import Way

__all__ = ["OFFERED", "SUBJECTS", "WAYS", "case_name", "ways"]


def _subjects() -> tuple[Subject, ...]:
    modules = {
        entry.module.rpartition(".")[2]
        for entry in entry_points(group="sojourn.instrumentors")
        if entry.module.startswith("sojourn_instrumentors.")
    }
    found: list[Subject] = []
    for module in sorted(modules):
        subject = import_module(f"tests.instrumentors.battery.subjects.{module}").SUBJECT
        # One that makes no span of its own has nothing to be tried here; its file says where it is.
        if subject is not None:
            assert isinstance(subject, Subject)
            found.append(subject)
    return tuple(found)


OFFERED = _subjects()
# The worked example of docs/adding-an-instrumentor.md earns what is promised there.
SUBJECTS = (*OFFERED, RIVULET)
WAYS = tuple(pair for subject in SUBJECTS for pair in subject.each())


def case_name(part: object) -> str:
    return str(part)


def ways(which: Callable[[Way], bool] = lambda _: True) -> pytest.MarkDecorator:
    """Parametrise a test by every way of every subject for which `which` holds."""
    import pytest

    return pytest.mark.parametrize(
        ("subject", "way"), [(subject, way) for subject, way in WAYS if which(way)], ids=case_name
    )
