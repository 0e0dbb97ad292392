"""Where spans belong: the rule of membership and of counting once, on whole trees."""

from __future__ import annotations

from sojourn_gateway.engine.places import Node, Place, place


def padded(name: str) -> bytes:
    """A name as an id."""
    return name.encode().ljust(8, b"\0")


def node(
    name: str, parent: str = "", session: str = "", *, at: int = 0, calls: bool = False, usage: bool = False
) -> Node:
    return Node(padded(name), padded(parent), session, at, calls or usage, usage)


def sessions(*nodes: Node) -> dict[str, str]:
    return {span_id.decode().rstrip("\0"): found.session_id for span_id, found in place(nodes).items()}


def test_a_span_belongs_to_its_own_session_else_its_nearest_ancestors() -> None:
    assert sessions(
        node("root", session="a"), node("x", "root"), node("y", "x", "b"), node("z", "y"), node("w", "z")
    ) == {"root": "a", "x": "a", "y": "b", "z": "b", "w": "b"}


def test_a_span_without_such_an_ancestor_belongs_to_the_traces_first_session() -> None:
    assert sessions(node("root"), node("late", "root", "b", at=2), node("early", "root", "a", at=1)) == {
        "root": "a",
        "late": "b",
        "early": "a",
    }


def test_a_span_whose_parent_is_missing_belongs_to_the_traces_first_session() -> None:
    assert sessions(node("root", session="a"), node("x", "gone")) == {"root": "a", "x": "a"}


def test_a_trace_without_sessions_has_none() -> None:
    assert sessions(node("root"), node("x", "root")) == {"root": "", "x": ""}


def test_circles_end() -> None:
    assert sessions(node("a", "b"), node("b", "a"), node("c", "c"), node("d", "b", "s")) == {
        "a": "s",
        "b": "s",
        "c": "s",
        "d": "s",
    }


def test_a_thousand_levels_are_walked_without_recursion() -> None:
    chain = [node("0", session="s"), *(node(str(n), str(n - 1)) for n in range(1, 20_000))]
    assert set(sessions(*reversed(chain)).values()) == {"s"}


def test_only_the_innermost_usage_and_call_count() -> None:
    nodes = [
        node("outer", usage=True),
        node("between", "outer"),
        node("provider", "between", usage=True),
        node("retry", "provider", calls=True),
        node("beside", usage=True),
    ]
    assert place(nodes) == {
        padded("outer"): Place("", counts_call=False, counts_usage=False),
        padded("between"): Place("", counts_call=False, counts_usage=False),
        padded("provider"): Place("", counts_call=False, counts_usage=True),
        padded("retry"): Place("", counts_call=True, counts_usage=False),
        padded("beside"): Place("", counts_call=True, counts_usage=True),
    }
