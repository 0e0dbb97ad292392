"""Settings of the gateway; the one module of it that reads the environment."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sojourn.price_file import BadPrices, PriceList
from sojourn_gateway.model.address import Address, parse_address
from sojourn_gateway.model.faults import GatewayFault
from sojourn_gateway.model.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Settings", "address_to_bind", "loopback", "parse_size"]

_MEBI: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """How a gateway runs."""

    host: str = "127.0.0.1"
    port: int = 9418
    grpc_port: int | None = None
    """Where OTLP over gRPC is taken; None: nowhere."""
    project: str = "default"
    """The project of requests without a known key."""
    max_body_bytes: int = 64 * _MEBI
    """Of one request, before and after decompression."""
    max_held_bytes: int = 256 * _MEBI
    """Of all requests that are being read or written at one time."""
    pickup_every_s: float = 3.0
    """How often journals of dead processes are looked for."""
    require_keys: bool = False
    """Whether every request must bear a key; always so on an address that others reach."""
    records: str = field(default="", repr=False)
    """Where keys, projects and queues are kept, as a URL; empty: a file in the home."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which the gateway may be addressed while keys are demanded; empty: any."""
    rate_limit: str = ""
    """Requests of one key in a time, such as `6000/minute`; empty: none, and `6000/minute` while keys are demanded."""
    rate_store: str = field(default="memory://", repr=False)
    """Where requests are counted: memory, or Redis by URL, which several gateways share."""
    files: str = ""
    """The folder of prompts, datasets and `agentmark.json` of the default project; empty: one in the home."""
    prices: Path | None = None
    """A file with prices of the user's own."""
    keep_days: int = 0
    """Sessions that were silent for longer are removed, in projects of which nothing else was said; 0: none."""
    keep_size: int = 0
    """Bytes that the store may take; beyond them the sessions go that were silent longest. 0: no end."""
    least_free: int = 1_000_000_000
    """Bytes that should stay free on the disk; with less the log and `sojourn doctor` warn."""
    engine: Address | None = None
    """The ClickHouse server that keeps everything; None: the engine in this process."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    """From where on the analysis of a session speaks up."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """What the variables say, else the defaults. Raises `GatewayFault` in words."""
        # From an instance: on a class with slots the names are descriptors, not the defaults.
        usual = cls()
        server = environ.get("SOJOURN_ENGINE", "").strip()
        return replace(
            usual,
            port=_number(environ, "SOJOURN_PORT", usual.port, 65535),
            grpc_port=_number(environ, "SOJOURN_GRPC_PORT", 0, 65535) or None,
            require_keys=_flag(environ, "SOJOURN_REQUIRE_KEYS"),
            records=environ.get("SOJOURN_RECORDS", "").strip(),
            allowed_hosts=_names(environ, "SOJOURN_ALLOWED_HOSTS"),
            rate_limit=environ.get("SOJOURN_RATE_LIMIT", "").strip(),
            rate_store=environ.get("SOJOURN_RATE_STORE", "").strip() or usual.rate_store,
            files=environ.get("SOJOURN_FILES", "").strip(),
            prices=Path(prices).expanduser().absolute() if (prices := environ.get("SOJOURN_PRICES")) else None,
            keep_days=_number(environ, "SOJOURN_KEEP_DAYS", usual.keep_days, 36_500),
            keep_size=_size(environ, "SOJOURN_KEEP_SIZE", usual.keep_size),
            least_free=_size(environ, "SOJOURN_LEAST_FREE", usual.least_free),
            max_body_bytes=_number(environ, "SOJOURN_MAX_BODY_BYTES", usual.max_body_bytes, 1024 * _MEBI),
            engine=parse_address(server, "SOJOURN_ENGINE") if server else None,
            thresholds=Thresholds.parse(environ.get("SOJOURN_ANALYSIS", ""), "SOJOURN_ANALYSIS"),
        )

    def price_list(self) -> PriceList:
        """The user's own prices. Raises `GatewayFault` for a file that cannot be understood."""
        try:
            return PriceList() if self.prices is None else PriceList.read(self.prices)
        except BadPrices as fault:
            raise GatewayFault(str(fault)) from fault


def parse_size(text: str) -> int | None:
    """Bytes out of `500MB` or `20 GB`; None for what is no size."""
    told = text.strip().lower().removesuffix("b")
    number = told.rstrip("kmgt").rstrip()
    unit = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}.get(told[len(number) :].strip())
    return int(number) * unit if unit is not None and number.isascii() and number.isdigit() else None


def loopback(host: str) -> str:
    """The address to bind for `host`. Raises `GatewayFault` for any that others could reach."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise GatewayFault(
            f"refusing to listen on {host!r}: without keys the gateway serves this machine only "
            "(127.0.0.1, ::1 or localhost); to reach it from elsewhere, use a tunnel such as ssh -L 9418:localhost:9418"
        )
    return str(address)


def address_to_bind(host: str, *, require_keys: bool) -> tuple[str, bool]:
    """The address for `host`, and whether keys are demanded there: always, where others reach it.

    Raises `GatewayFault` for what is no address.
    """
    try:
        return loopback(host), require_keys
    except GatewayFault as fault:
        try:
            return str(ipaddress.ip_address(host.strip("[]"))), True
        except ValueError:
            raise fault from None


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text in ("", "0", "off", "false", "no"):
        return False
    if text in ("1", "on", "true", "yes"):
        return True
    raise GatewayFault(f"{name} must be 1 or 0, not {text!r}")


def _names(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(one.strip().lower() for one in environ.get(name, "").split(",") if one.strip())


def _size(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    found = parse_size(text) if text else default
    if found is None:
        raise GatewayFault(f"{name} must be a size such as 500MB or 20GB, not {text!r}")
    return found


def _number(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= most):
        raise GatewayFault(f"{name} must be a whole number from 1 to {most}, not {text!r}")
    return int(text)
