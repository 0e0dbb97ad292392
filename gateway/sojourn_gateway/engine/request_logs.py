"""What programs logged while they served a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sojourn_gateway.engine.reading import LOG_COLUMNS
from sojourn_gateway.engine.session_events import FACTS
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine

__all__ = ["logs_of_trace"]


def logs_of_trace(engine: Engine, project: str, trace_id: str, most: int) -> Sequence[Row]:
    """The newest lines of a trace, `LOG_COLUMNS` each, oldest first."""
    told = ", ".join(LOG_COLUMNS)
    rows = engine.rows(
        f"""select {told} from {DATABASE}.logs final
        where project = {{project:String}} and trace_id = unhex({{trace:String}})
            and event not in {{events:Array(String)}}
        order by time_ns desc, uid desc limit {{most:UInt64}}
        settings use_skip_indexes_if_final_exact_mode = 0""",
        {"project": project, "trace": trace_id, "events": list(FACTS), "most": most},
    )
    return rows[::-1]
