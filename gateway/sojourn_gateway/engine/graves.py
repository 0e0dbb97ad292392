"""What was erased on request stays erased: what arrives of it later is taken out before any list shows it.

A grave holds a hash of an id and the moment of the erasure. What began before that moment and belongs to it goes; what
began later is new, and kept: a conversation may go on under its old id.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.backend import Handle

__all__ = ["Graves"]

_LATE: Final = f"create table if not exists {DATABASE}.late (project String, id String) engine = Memory"
_COMMITTED: Final = "commit > {after:UInt64} and commit <= {upto:UInt64}"
_TRACE: Final = "lower(hex(trace_id))"
_SPAN: Final = f"concat({_TRACE}, lower(hex(span_id)))"


def _find(table: str, row_id: str, user: str, begun: str) -> str:
    """The rows of these commits that belong into a grave."""
    return f"""
insert into {DATABASE}.late
select c.project, c.id from (
    select project, {row_id} as id, {begun} as begun,
        arrayJoin([('session', session_id), ('session', {_TRACE}), ('trace', {_TRACE}),
            ('span', {_SPAN}), ('user', {user})]) as one,
        one.1 as kind, sipHash64(one.2) as key
    from {DATABASE}.{table} where {_COMMITTED}
) as c
inner join (select project, kind, key, at_ns from {DATABASE}.graves final) as g
    on c.project = g.project and c.kind = g.kind and c.key = g.key
where c.begun < g.at_ns and c.one.2 != ''"""


_TABLES: Final = (
    ("spans", "concat(trace_id, span_id)", "toString(user_id)", "start_ns"),
    ("logs", "uid", f"a_s['{semconv.USER_ID}']", "time_ns"),
)


class Graves:
    """The table `graves`. Used by one thread at a time."""

    def __init__(self, writer: Handle) -> None:
        self._writer = writer
        writer.run(_LATE)
        self.any = bool(writer.rows(f"select 1 from {DATABASE}.graves limit 1"))
        """Whether there is one."""

    def write_down(self, project: str, named: Mapping[str, Sequence[str]]) -> None:
        """Note what is to be erased: ids by their kind."""
        rows = [[project, kind, one] for kind, ids in named.items() for one in ids]
        if rows:
            self._writer.insert(f"{DATABASE}.doomed", ("project", "kind", "id"), rows)

    def dig(self, kind: str, ids: str) -> None:
        """Bury what exists now: `ids` is a select of project and id."""
        now = time.time_ns()
        self._writer.run(
            f"""insert into {DATABASE}.graves
            select project, {{kind:String}}, sipHash64(id), {{now:UInt64}}, {{now:UInt64}}
            from (select project, id from ({ids})) where id != ''""",
            {"kind": kind, "now": now},
        )
        self.any = True

    def find(self, project: str, named: Sequence[tuple[str, bytes]]) -> dict[tuple[str, bytes], int]:
        """Of kinds and ids those that were erased, and when."""
        if not self.any or not named:
            return {}
        rows = self._writer.rows(
            f"""select n.kind, n.id, max(g.at_ns) from (
                select one.1 as kind, unhex(one.2) as id, sipHash64(id) as key
                from (select arrayJoin(arrayZip({{kinds:Array(String)}}, {{ids:Array(String)}})) as one)
            ) as n
            inner join (
                select kind, key, at_ns from {DATABASE}.graves final where project = {{project:String}}
            ) as g on n.kind = toString(g.kind) and n.key = g.key
            group by n.kind, n.id""",
            {"project": project, "kinds": [kind for kind, _ in named], "ids": [one.hex() for _, one in named]},
        )
        return {(kind.decode(), one): at_ns for kind, one, at_ns in rows}

    def keep_out(self, after: int, upto: int) -> None:
        """Take out of these commits what was erased before it arrived. Repeating it changes nothing."""
        if not self.any:
            return
        commits = {"after": after, "upto": upto}
        for table, row_id, user, begun in _TABLES:
            self._writer.run(f"truncate table {DATABASE}.late")
            self._writer.run(_find(table, row_id, user, begun), commits)
            if self._writer.rows(f"select 1 from {DATABASE}.late limit 1"):
                self._writer.run(
                    f"""alter table {DATABASE}.{table} delete where {_COMMITTED}
                    and (project, {row_id}) in (select project, id from {DATABASE}.late) settings mutations_sync = 2""",
                    commits,
                )
