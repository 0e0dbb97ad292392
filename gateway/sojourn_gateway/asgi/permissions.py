"""What a key may do: names such as `trace.write`, one family for each resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["FAMILIES", "OPERATOR", "ROLES", "grants", "is_permission", "needed"]

FAMILIES: Final = {
    "annotation-queues": "annotation_queue",
    "api-keys": "api_key",
    "config": "config",
    "datasets": "dataset",
    "experiments": "experiment",
    "export": "trace",
    "filter-schema": "session",
    "logs": "trace",
    "metrics": "metrics",
    "prices": "price",
    "prompts": "template",
    "requests": "span",
    "retention": "session",
    "runs": "experiment",
    "score-configs": "score_config",
    "scores": "score",
    "sessions": "session",
    "spans": "span",
    "templates": "template",
    "traces": "trace",
    "users": "session",
}
"""The part of the path behind `/v1/`, and its family."""

_SEARCHED: Final = ("scores", "sessions", "spans", "traces")
"""What is also read by a POST, with the filter in its body."""
_ASKED: Final = "/api/public/analytics/"
"""Below it all is read, by a POST too."""
_QUERIED: Final = "/analytics/query"
"""So ends the path of another question that is asked by a POST."""
_GRADED: Final = "/sessions/"
"""Below it pages take the form of a score."""
_ERASED: Final = "/api/projects/"
"""Below it what is deleted are sessions."""
_ACTIONS: Final = ("read", "write", "delete")

OPERATOR: Final = "operator"
"""What nobody's key has: the run of the whole gateway, for who is at its machine."""

ROLES: Final = {
    "full": ("*",),
    "read-only": ("*.read",),
    "sdk": (
        "trace.write",
        "score.write",
        "config.read",
        "dataset.read",
        "dataset.write",
        "experiment.read",
        "score_config.read",
        "template.read",
    ),
}
"""Sets of permissions that a person means by one word."""


def needed(method: str, path: str) -> str:
    """The permission that a request needs. What other contracts have is read as sessions and written as traces."""
    parts = path.split("/")
    if len(parts) < 3 or parts[1] != "v1":
        if path.startswith(_ASKED) or (path.startswith(_ERASED) and path.endswith(_QUERIED) and method == "POST"):
            return "session.read"
        if method == "POST" and path.startswith(_GRADED):
            return "score.write"
        if method == "DELETE" and path.startswith(_ERASED):
            return "session.delete"
        if path.rstrip("/") == "/metrics" and method in ("GET", "HEAD"):
            # The page shows what `/v1/metrics` tells.
            return "metrics.read"
        return "session.read" if method in ("GET", "HEAD") else "trace.write"
    if parts[2] not in FAMILIES:
        # Of the whole gateway, whatever the project: no key opens it.
        return "operator.read" if method in ("GET", "HEAD") else "operator.write"
    if parts[2] == "metrics" and method == "POST":
        # Recorded, too.
        return "trace.write"
    if method in ("GET", "HEAD") or (method == "POST" and parts[2] in _SEARCHED and parts[3:] == ["search"]):
        return f"{FAMILIES[parts[2]]}.read"
    # What keeps less removes the rest.
    removes = method == "DELETE" or parts[2] == "retention"
    return f"{FAMILIES[parts[2]]}.{'delete' if removes else 'write'}"


def grants(permissions: Collection[str], permission: str) -> bool:
    """Whether one of the permissions covers this one, which may be a pattern as well."""
    if permission.startswith("operator."):
        return OPERATOR in permissions
    if "*" in permissions or permission in permissions:
        return True
    return permission.endswith(".read") and "*.read" in permissions


def is_permission(text: str) -> bool:
    """Whether there is such a permission."""
    family, _, action = text.partition(".")
    return text in ("*", "*.read") or (family in FAMILIES.values() and action in _ACTIONS)
