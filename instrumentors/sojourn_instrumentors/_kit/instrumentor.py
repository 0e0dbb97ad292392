"""Instrumentors: one library, the places where it is held, and the version from which they are known."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

from sojourn.faults import contained
from sojourn_instrumentors._kit.measures import Measures
from sojourn_instrumentors._kit.observation import Tracing
from sojourn_instrumentors._kit.patch import MissingTarget

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from sojourn.content import ContentPolicy
    from sojourn_instrumentors._kit.patch import Hook

__all__ = ["Instrumentor", "State", "Target"]

State = Literal["waiting", "patched", "missing", "unsupported"]


@dataclass(frozen=True, slots=True)
class Target:
    """One place of a library: held, not there in this release, or not looked for."""

    name: str
    state: State
    detail: str = ""


@dataclass
class Instrumentor:
    """What a library module declares.

    `library` is the name that programs import, `requires` the distribution and its oldest supported release
    (`"openai >= 1.60"`). Every hook stands on its own: one that a new release moved away never stops the others.
    """

    library: str
    requires: str
    hooks: tuple[Hook, ...]
    newest: str = ""
    """The newest release that the tests ran with."""
    surfaces: str = ""
    """What of the library is observed, in a few words for a table of libraries."""

    _targets: dict[str, Target] = field(default_factory=dict[str, Target], init=False, repr=False)
    _installed: bool = field(default=False, init=False, repr=False)

    def install(
        self,
        *,
        tracer_provider: TracerProvider,
        policy: ContentPolicy,
        meter_provider: MeterProvider | None = None,
        hosted: bool = False,
    ) -> None:
        """Hold every place that is there. Never raises; a second call changes nothing.

        Measures go to `meter_provider`, or to that of the program, if it has one. `hosted` as in `Tracing`.
        """
        with contained(f"{self.library}.install"):
            if self._installed:
                return
            unsupported = self._unsupported()
            if unsupported:
                self._targets = {hook.target: Target(hook.target, "unsupported", unsupported) for hook in self.hooks}
                return
            scope, release = f"sojourn.{self.library}", version("sojourn")
            tracer = tracer_provider.get_tracer(scope, release)
            tracing = Tracing(tracer, policy, Measures(scope, release, meter_provider), hosted)
            self._installed = True
            for hook in self.hooks:
                self._attach(hook, tracing)

    def uninstall(self) -> None:
        """Leave the library as it was found. Never raises."""
        self._installed = False
        self._targets = {}
        for hook in self.hooks:
            with contained(f"{self.library}.uninstall"):
                hook.detach()

    def targets(self) -> tuple[Target, ...]:
        """What became of each place, for a person who looks for a call that is not recorded."""
        waiting = "not imported yet" if self.library not in sys.modules else "not installed yet"
        return tuple(self._targets.get(hook.target) or Target(hook.target, "waiting", waiting) for hook in self.hooks)

    def _attach(self, hook: Hook, tracing: Tracing) -> None:
        state: State = "missing"
        detail = "a fault of ours; see the log"
        # What a release does not have is a fact about it, not a fault of ours.
        with contained(f"{self.library}.install"):
            try:
                hook.attach(tracing)
                state, detail = "patched", ""
            except MissingTarget as missing:
                detail = str(missing)
        self._targets[hook.target] = Target(hook.target, state, detail)

    def _unsupported(self) -> str:
        distribution, _, oldest = (part.strip() for part in self.requires.partition(">="))
        try:
            found = version(distribution)
        except PackageNotFoundError:
            return f"needs {self.requires}, which is not installed"
        if _release(found) < _release(oldest):
            return f"needs {self.requires}, found {found}"
        return ""


def _release(text: str) -> tuple[int, ...]:
    """The leading numbers of a version; of `2.0.0rc1` that is 2, 0, 0."""
    numbers: list[int] = []
    for part in text.split("."):
        digits = ""
        for character in part:
            if not character.isdigit():
                break
            digits += character
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
