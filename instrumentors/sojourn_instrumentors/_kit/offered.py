"""Offered: an instrumentor as OpenTelemetry's own tools want it, `opentelemetry-instrument` among them."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final

import wrapt
from opentelemetry import trace

from sojourn import faults
from sojourn.content import ContentPolicy
from sojourn_instrumentors._kit.settings import capture_of_opentelemetry

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Sequence
    from types import ModuleType

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Link, SpanKind
    from opentelemetry.util.types import Attributes

    from sojourn_instrumentors._kit.instrumentor import Instrumentor
    from sojourn_instrumentors._kit.rivals import Rival

__all__ = ["Offered"]

_PLACE: Final = "opentelemetry"


class Offered:
    """What an entry point of `opentelemetry_instrumentor` names: a class, called without arguments.

    Nothing of it ever raises: one instrumentor that does stops every later one. Not a subclass of OpenTelemetry's
    base class, whose package programs need not have.
    """

    module: ClassVar[str]
    """The library module, whose `INSTRUMENTOR` this is."""
    rivals: ClassVar[Sequence[Rival]] = ()
    wanted: ClassVar[bool] = False
    held: ClassVar[bool] = False
    """Whether the library is held for OpenTelemetry, and not by Sojourn's own client."""

    def instrument(self, **options: Any) -> None:
        """Observe the library when it is imported, now or later; spans go to `tracer_provider`, or the global one.

        Stands back, and says so once, where somebody else records the same calls.
        """
        with faults.contained(_PLACE):
            kind = type(self)
            kind.wanted = True
            provider, meters = options.get("tracer_provider"), options.get("meter_provider")

            def arm(_: ModuleType) -> None:
                with faults.contained(_PLACE):
                    self._install(provider, meters)

            wrapt.register_post_import_hook(arm, self._instrumentor().library)

    def uninstrument(self, **_: Any) -> None:
        """Leave the library as it was found."""
        with faults.contained(_PLACE):
            kind = type(self)
            kind.wanted = False
            if kind.held:
                kind.held = False
                self._instrumentor().uninstall()

    def instrumentation_dependencies(self) -> Collection[str]:
        """The library and its oldest supported release."""
        return [self._instrumentor().requires]

    @property
    def is_instrumented_by_opentelemetry(self) -> bool:
        """Whether the library is held for OpenTelemetry."""
        return self.held

    def stands_back(self) -> bool:
        """Whether somebody else records the same calls; then ours are no more."""
        rival = next((one for one in self.rivals if one.active()), None)
        if rival is None:
            return False
        library = self._instrumentor().library
        self.uninstrument()
        faults.trouble(
            f"{_PLACE}.{library}",
            f"{library} is observed by {rival.name} ({rival.module}) already; Sojourn stands back and records none of"
            " its calls here",
        )
        return True

    def _install(self, tracer_provider: trace.TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        kind = type(self)
        instrumentor = self._instrumentor()
        by_client = any(target.state == "patched" for target in instrumentor.targets())
        if not kind.wanted or by_client or self.stands_back():
            return
        kind.held = True
        instrumentor.install(
            tracer_provider=_Provider(self, tracer_provider or trace.get_tracer_provider()),
            policy=ContentPolicy(capture_of_opentelemetry()),
            meter_provider=meter_provider,
            hosted=True,
        )
        for target in instrumentor.targets():
            if target.state == "unsupported":
                kind.held = False
                faults.trouble(f"{_PLACE}.{instrumentor.library}", f"{instrumentor.library}: {target.detail}")
                return

    def _instrumentor(self) -> Instrumentor:
        found: Instrumentor = import_module(self.module).INSTRUMENTOR
        return found


class _Provider(trace.TracerProvider):
    """Gives tracers that stand back as soon as a rival comes, which may be after us."""

    def __init__(self, offered: Offered, inner: trace.TracerProvider) -> None:
        self._offered = offered
        self._inner = inner

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        return _Tracer(self._offered, self._inner.get_tracer(*args, **kwargs))


class _Tracer(trace.Tracer):
    def __init__(self, offered: Offered, inner: trace.Tracer) -> None:
        self._offered = offered
        self._inner = inner

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = trace.SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        if self._offered.stands_back():
            # Not recording, and what is beneath it belongs to what is above.
            return trace.NonRecordingSpan(trace.get_current_span(context).get_span_context())
        return self._inner.start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # OpenTelemetry's own decorator is private
        self, *args: Any, end_on_exit: bool = True, **kwargs: Any
    ) -> Generator[trace.Span]:
        with trace.use_span(self.start_span(*args, **kwargs), end_on_exit=end_on_exit) as span:
            yield span
