"""Sums over calls: by time, model, user, tool, or the state of their session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn_gateway.engine import columns
from sojourn_gateway.engine.bound import Conditions
from sojourn_gateway.engine.listing import within_time
from sojourn_gateway.engine.rates import PRICE, TIER
from sojourn_gateway.engine.resources import resources_for
from sojourn_gateway.engine.rollup import PAYS
from sojourn_gateway.engine.steps import GENERATION, steps
from sojourn_gateway.engine.tables import DATABASE
from sojourn_gateway.engine.where import compile_where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sojourn_gateway.engine.backend import Row
    from sojourn_gateway.engine.engine import Engine
    from sojourn_gateway.model.metrics import Bucket, GroupBy, MetricsAsk

__all__ = ["MEASURES", "measure"]

_LASTED: Final = "(toInt64(end_ns) - toInt64(start_ns)) / 1000000"
MEASURES: Final = {
    "requests": "count()",
    "errors": "countIf(status = 2)",
    "input_tokens": "sumIf(input_tokens, counts_usage)",
    "output_tokens": "sumIf(output_tokens, counts_usage)",
    "cache_read": "sumIf(cache_read, counts_usage)",
    "cache_write": "sumIf(cache_write, counts_usage)",
    "reasoning": "sumIf(reasoning, counts_usage)",
    "cost": f"sumIf(assumeNotNull(amount), {PAYS} and known)",
    "priced": f"countIf({PAYS} and known)",
    "unpriced": "countIf(counts_usage and not known)",
    "mean": f"avgIf({_LASTED}, end_ns != 0)",
    "quantiles": f"quantilesExactInclusiveIf(0.5, 0.9, 0.95, 0.99)({_LASTED}, end_ns != 0)",
    "users": "uniqExactIf(owner, owner != '')",
    "models": "uniqExactIf(model, model != '')",
}
"""What is told of each group of calls, in this order behind its key."""

_RATES: Final = """provider, request_model, response_model, since_ns, until_ns, above, input, output, cache_read,
    cache_write, reasoning, audio_input, audio_output, per_request"""
_BUCKETS: Final[Mapping[Bucket, int]] = {"hour": 3_600_000_000_000, "day": 86_400_000_000_000}
_KEYS: Final[Mapping[GroupBy, str]] = {
    "model": "toString(model)",
    "user": "owner",
    "tool": "toString(if(tool_name != '', tool_name, name))",
    "state": "state",
}


def measure(engine: Engine, project: str, ask: MetricsAsk, silent_before_ns: int) -> Sequence[Row]:
    """All sums in one pass: what a row is of (`all`, `time` or `group`), its bucket, its key, and `MEASURES`.

    Rows of `group` are there when one was asked for, the largest first; those of `time` are in order.
    """
    within, values = within_time(ask.since_ns, ask.until_ns)
    chosen = Conditions(project=project, silent=silent_before_ns, since=ask.since_ns, until=ask.until_ns, **values)
    chosen.add("start_ns >= {since:UInt64}")
    chosen.add("start_ns <= {until:UInt64}")
    # Groups by tool are of calls of tools; the whole and the series are of calls of models, as always.
    tools = ask.group_by == "tool"
    chosen.add("counts_call or step = 'tool'" if tools else "counts_call")
    if ask.where is not None:
        spans = columns.spans_with(resources_for(engine, project, ask.where))
        chosen.add_sql(compile_where(ask.where, spans))
    # A trace that has a span in this time begins before its end, and ends after its beginning.
    traces = "start_ns <= {until:UInt64} and end_ns >= {since:UInt64}"
    # No other step counts as a call, wherever it lies.
    kinds = f"{GENERATION} or step = 'tool'" if tools else GENERATION
    calls = f"({within}) and ({kinds})"
    source = f"select * from ({_priced(steps(calls, placed=True, traces=traces))}) where {chosen}"
    if ask.group_by == "state":
        source = f"""select s.*, q.state as state from ({source}) as s left join (
            select session_id, {columns.SESSION_STATE} as state from {DATABASE}.sessions final
            where project = {{project:String}}) as q on s.session = q.session_id"""
    key = "''" if ask.group_by is None else _KEYS[ask.group_by]
    bucket = f"intDiv(start_ns, {_BUCKETS[ask.bucket]}) * {_BUCKETS[ask.bucket]}"
    sets = "(is_tool), (is_tool, bucket)" + (", (is_tool, key)" if ask.group_by else "")
    grouped, told = ("grouping(key) = 0", "key") if ask.group_by else ("false", "''")
    measures = ", ".join(f"{expression} as {name}" for name, expression in MEASURES.items())
    few = "" if ask.groups is None else "limit {groups:UInt32} by part, bucket"
    if ask.groups is not None:
        chosen.values["groups"] = ask.groups
    return engine.rows(
        f"""select multiIf(grouping(bucket) = 0, 'time', {grouped}, 'group', 'all') as part, bucket, {told} as key,
            {measures}
        from (select *, {bucket} as bucket, {key} as key, step = 'tool' as is_tool from ({source}))
        group by grouping sets ({sets}) having (part = 'group' and {"is_tool" if tools else "true"})
            or (part != 'group' and not is_tool)
        order by part, bucket, requests desc, {told} {few}""",
        chosen.values,
    )


def _priced(calls: str) -> str:
    """What `steps` says of prices, for rows of which most are looked up: in one pass, and half the time to plan it."""
    return f"""
    select s.*, usage and isNull(reported) as asked, if(asked, s.start_ns < r.until_ns, isNotNull(reported)) as known,
        {TIER} as tier,
        multiIf(not asked, ifNull(reported, toDecimal128(0, 15)), known, toNullable({PRICE}), null) as amount
    from ({calls}) as s
    left asof join (select {_RATES} from {DATABASE}.rates final) as r
        on s.provider = r.provider and s.request_model = r.request_model and s.response_model = r.response_model
            and s.start_ns >= r.since_ns"""
