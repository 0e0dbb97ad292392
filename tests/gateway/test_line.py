"""The line in front of the writer: fair between projects, and never longer than its bound."""

from __future__ import annotations

from sojourn_gateway.ingest.line import Line


def taken(line: Line[str], most: int) -> list[str]:
    group = line.take(most)
    line.leave(group)
    return [one.value for one in group]


def test_projects_take_turns_however_much_one_of_them_sends() -> None:
    line: Line[str] = Line(10_000)
    for number in range(5):
        assert line.join("loud", f"loud {number}", 10)
    assert line.join("quiet", "quiet", 10)
    assert taken(line, 30) == ["loud 0", "quiet", "loud 1"]
    assert line.join("late", "late", 10)
    assert taken(line, 20) == ["loud 2", "late"]
    assert taken(line, 1_000) == ["loud 3", "loud 4"]
    assert not line


def test_a_project_that_floods_leaves_room_for_another() -> None:
    line: Line[int] = Line(3_000)
    let_in = {project: sum(line.join(project, number, 10) for number in range(400)) for project in "abcd"}
    assert let_in["a"] == 200
    assert all(let_in.values())
    assert sum(let_in.values()) < 300
    assert line.join("quiet", 0, 10)


def test_what_was_taken_holds_its_room_until_it_is_written() -> None:
    line: Line[str] = Line(100)
    assert line.join("a", "one", 60)
    group = line.take(1_000)
    assert not line.join("b", "two", 60)
    line.leave(group)
    assert line.join("b", "two", 60)


def test_a_batch_above_every_bound_gets_in_alone() -> None:
    line: Line[str] = Line(100)
    assert line.join("a", "large", 5_000)
    assert not line.join("b", "small", 1)
    assert taken(line, 10) == ["large"]
    assert line.join("b", "small", 1)
