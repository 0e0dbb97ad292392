"""The statements that turn a file of OTLP into rows: one `insert ... select` for spans, one for logs.

Nothing of a caller's goes into the text of a statement: names of attributes are our own constants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine import dialects
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["insert_logs", "insert_spans", "quoted"]

MINUTE_NS: Final = 60_000_000_000
PREVIEW: Final = 200
"""Characters of a text that a list shows."""

_NO_TRACE: Final = "toFixedString(repeat(char(0), 16), 16)"
_NO_SPAN: Final = "toFixedString(repeat(char(0), 8), 8)"
# Larger counts are no counts of tokens; the attribute itself stays as it came.
_MOST_TOKENS: Final = 10**12
_MEMBERS: Final = {
    "s": ("string_value", "String"),
    "i": ("int_value", "Int64"),
    "d": ("double_value", "Float64"),
    "b": ("bool_value", "Bool"),
    "a": ("array_value", "String"),
    "k": ("kvlist_value", "String"),
    "x": ("bytes_value", "String"),
}
_MESSAGES: Final = (
    "Array(Tuple(role String, content String, parts Array(Tuple(type String, content String, text String))))"
)


def quoted(text: str) -> str:
    """A text of ours as an SQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _tuple(texts: Iterable[str]) -> str:
    return "(" + ", ".join(quoted(text) for text in texts) + ")"


def _array(texts: Iterable[str]) -> str:
    return "[" + ", ".join(quoted(text) for text in texts) + "]"


def _unpacked(attributes: str, name: str) -> str:
    """Attributes as one array for the keys and one for each type of value.

    Done before anything else: every expression over the nested types of OTLP costs milliseconds of planning.
    """
    members = ", ".join(f"{attributes}.value.{member} as {name}_{letter}" for letter, (member, _) in _MEMBERS.items())
    return f"{attributes}.key as {name}, {members}"


def _typed(name: str, letter: str) -> str:
    """The unpacked attributes of one type as a map; keys that came twice stay twice."""
    _, kind = _MEMBERS[letter]
    values = f"{name}_{letter}"
    return (
        f"cast((arrayFilter((k, v) -> isNotNull(v), {name}, {values}), "
        f"cast(arrayFilter(v -> isNotNull(v), {values}), 'Array({kind})')), "
        f"'Map(LowCardinality(String), {kind})')"
    )


def _tag(values: Callable[[str], str], letters: Iterable[str]) -> str:
    """Any value as one text: a letter for its type, then the value; `n` for a key without a value."""
    shown = {"i": "toString({})", "d": "toString({})", "b": "toString(toUInt8({}))"}
    tried = ", ".join(f"concat('{letter}', {shown.get(letter, '{}').format(values(letter))})" for letter in letters)
    return f"coalesce({tried}, 'n')"


def _rest(name: str) -> str:
    """Arrays, lists of keys, bytes and keys without a value, tagged."""
    common = ", ".join(f"{name}_{letter}" for letter in "sidb")
    rare = "isNull(s) and isNull(i) and isNull(d) and isNull(b)"
    kept = f"arrayFilter((k, s, i, d, b) -> {rare}, {name}, {common})"
    values = f"arrayFilter((v, s, i, d, b) -> {rare}, arrayMap((a, k, x) -> {_tag(str, 'akx')}, {{}}), {common})"
    return (
        f"cast(({kept}, {values.format(', '.join(f'{name}_{letter}' for letter in 'akx'))}), "
        "'Map(LowCardinality(String), String)')"
    )


def _maps(name: str) -> str:
    return f"""{_typed(name, "s")} as texts, {_typed(name, "i")} as a_i, {_typed(name, "d")} as a_d,
        {_typed(name, "b")} as a_b, {_rest(name)} as a_x"""


def _first_text(options: Iterable[str]) -> str:
    tried = list(options)
    return tried[0] if len(tried) == 1 else "coalesce(" + ", ".join(f"nullIf({one}, '')" for one in tried) + ", '')"


def _text(sources: Iterable[str]) -> str:
    return _first_text(f"texts[{quoted(source)}]" for source in sources)


def _tokens(sources: Iterable[str]) -> str:
    """A count as number or text, whichever a sender writes."""
    found = [
        one
        for source in sources
        for one in (
            f"a_i[{quoted(source)}]",
            f"accurateCastOrDefault(a_d[{quoted(source)}], 'Int64')",
            f"toInt64OrZero(texts[{quoted(source)}])",
        )
    ]
    return f"toUInt64(least(greatest(0, {', '.join(found)}), {_MOST_TOKENS}))"


def _dollars(key: str) -> str:
    name = quoted(key)
    # Through text: a float's nearest decimal is what the sender wrote, its binary value is not.
    told = (
        f"multiIf(mapContains(a_d, {name}), toString(a_d[{name}]), "
        f"mapContains(a_i, {name}), toString(a_i[{name}]), texts[{name}])"
    )
    amount = f"toDecimal128OrNull({told}, 15)"
    return f"if({amount} >= 0 and {amount} < 1000000000, {amount}, null)"


def _session() -> str:
    own = _text(dialects.SESSIONS)
    last = _text(dialects.LAST_RESORT_SESSIONS)
    # "null" is what careless clients write for none.
    found = _first_text((own, "shared_session", last))
    return f"substringUTF8(replaceRegexpOne(trimBoth({found}), '^null$', ''), 1, 512)"


def _step() -> str:
    operations, kinds = dialects.STEPS_BY_OPERATION, dialects.STEPS_BY_KIND
    by_operation = f"transform(operation, {_array(operations)}, {_array(operations.values())}, '')"
    by_kind = f"transform(texts[{quoted(semconv.KIND)}], {_array(kinds)}, {_array(kinds.values())}, '')"
    by_model = "if(request_model != '' and input_tokens + output_tokens > 0, 'model', 'other')"
    return f"coalesce(nullIf({by_operation}, ''), nullIf({by_kind}, ''), {by_model})"


def _first_input() -> str:
    key = quoted(semconv.INPUT_MESSAGES)
    user = f"arrayFirst(m -> m.role = 'user', JSONExtract(content[{key}], {quoted(_MESSAGES)}))"
    return _preview(key, _said(user, "arrayFirst"), (semconv.RETRIEVAL_QUERY, semconv.INPUT))


def _last_output() -> str:
    key = quoted(semconv.OUTPUT_MESSAGES)
    reply = f"arrayElement(JSONExtract(content[{key}], {quoted(_MESSAGES)}), -1)"
    return _preview(key, _said(reply, "arrayLast"), (semconv.OUTPUT,))


def _said(message: str, choose: str) -> str:
    """The text of a message: a text part (some senders keep the provider's own parts), else its content."""
    part = f"{choose}(p -> p.type = 'text', {message}.parts)"
    return _first_text((f"{part}.content", f"{part}.text", f"{message}.content"))


def _preview(key: str, spoken: str, others: Iterable[str]) -> str:
    plain = _first_text(f"content[{quoted(other)}]" for other in others)
    return f"substringUTF8(if(mapContains(content, {key}), {spoken}, {plain}), 1, {PREVIEW})"


def _minute(time: str) -> str:
    return f"toUInt32(intDiv({time}, {MINUTE_NS}))"


def _version(pending: str) -> str:
    # A finished span beats a pending one whatever the order of their arrival; else the last to arrive wins.
    return f"bitOr(bitAnd(received, 9223372036854775807), if({pending}, toUInt64(0), toUInt64(9223372036854775808)))"


def insert_spans(source: str) -> str:
    """The statement for spans. `source` is a table of one column `parts`; `{commit:UInt64}` is bound.

    A span without a valid id is left out here, and told to its sender by whoever checked the body.
    """
    is_content = f"k in {_tuple(dialects.CONTENT)}"
    fields = [
        ("session_id", _session()),
        *((field.column, _text(field.sources)) for field in dialects.TEXTS),
        *((field.column, _tokens(field.sources)) for field in dialects.TOKENS),
        ("reported", _dollars(semconv.USAGE_COST)),
        ("first_input", _first_input()),
        ("last_output", _last_output()),
    ]
    columns = ", ".join(name for name, _ in fields)
    read = ", ".join(f"{expression} as {name}" for name, expression in fields)
    plain = (
        "project, service, process, resource, scope, scope_version, scope_attributes, trace_id, span_id, parent_id, "
        "name, kind, minute, start_ns, status, status_message, trace_state, flags, lost_attributes, lost_events, "
        "lost_links, events, links"
    )
    maps = "content, a_s, a_i, a_d, a_b, a_x"
    return f"""
insert into {DATABASE}.spans ({plain}, {maps}, {columns}, step, usage, end_ns, version, commit)
select {plain}, {maps}, {columns}, {_step()} as step,
    step in ('model', 'embedding') and (input_tokens + output_tokens > 0 or isNotNull(reported)) as usage,
    if(pending, 0, ended) as end_ns, {_version("pending")} as version, {{commit:UInt64}} as commit
from (
    select {plain}, received, ended, texts, {maps}, {read}, ended = 0 or a_b[{quoted(semconv.PENDING)}] as pending
    from (
        select {plain}, received, ended, shared_session, {_maps("at")},
            mapFilter((k, v) -> {is_content}, texts) as content, mapFilter((k, v) -> not ({is_content}), texts) as a_s
        from (
            select project, received, service, process, resource, scope, scope_version, scope_attributes,
                shared_session, toFixedString(span.trace_id, 16) as trace_id,
                toFixedString(span.span_id, 8) as span_id,
                toFixedString(substring(span.parent_span_id, 1, 8), 8) as parent_id, span.name as name,
                toUInt8(bitAnd(span.kind, 255)) as kind, {_minute("span.start")} as minute, span.start as start_ns,
                span.end as ended, toUInt8(if(span.status.code in (1, 2), span.status.code, 0)) as status,
                span.status.message as status_message, span.trace_state as trace_state, span.flags as flags,
                span.lost_attributes as lost_attributes, span.lost_events as lost_events,
                span.lost_links as lost_links, span.events as events, span.links as links,
                {_unpacked("span.attributes", "at")}
            from ({_rows(source, "scope_spans", "spans", "span")})
            where length(span.trace_id) = 16 and length(span.span_id) = 8
                and trace_id != {_NO_TRACE} and span_id != {_NO_SPAN}
        )
    )
)"""


def _rows(source: str, scopes: str, items: str, item: str) -> str:
    """One row an item, with what is said of its scope and of its part."""
    return f"""
        select project, received, service, process, shared_session, resource, by_scope.scope.name as scope,
            by_scope.scope.version as scope_version, by_scope.scope.attributes as scope_attributes,
            arrayJoin(by_scope.{items}) as {item}
        from (
            select part.project as project, part.received as received, part.service as service,
                part.process as process, part.session_id as shared_session, part.resource as resource,
                arrayJoin(part.{scopes}) as by_scope
            from (select arrayJoin(parts) as part from {source})
        )"""


def insert_logs(source: str) -> str:
    """The statement for logs: as `insert_spans`."""
    # A foreign record has no id: what it says is its id, so that the same record sent again is the same row.
    said = (
        "lower(hex(sipHash128(time_sent, observed_ns, severity, severity_text, body, event, trace_id, span_id, "
        "toString(texts), toString(a_i), toString(a_d), toString(a_b), toString(a_x), resource, scope)))"
    )
    plain = (
        "project, process, resource, scope, scope_version, scope_attributes, trace_id, span_id, observed_ns, severity, "
        "severity_text, body, a_i, a_d, a_b, a_x"
    )
    return f"""
insert into {DATABASE}.logs ({plain}, event, session_id, uid, a_s, time_ns, minute, version, commit)
select {plain}, event, session_id, {_first_text((f"texts[{quoted(semconv.LOG_UID)}]", said))} as uid, texts as a_s,
    if(time_sent != 0, time_sent, if(observed_ns != 0, observed_ns, received)) as time_ns,
    {_minute("time_ns")} as minute, received as version, {{commit:UInt64}} as commit
from (
    select *, if(event_name != '', event_name, texts[{quoted(semconv.EVENT_NAME)}]) as event, {_session()} as session_id
    from (
        select project, received, process, shared_session, resource, scope, scope_version, scope_attributes, trace_id,
            span_id, time_sent, observed_ns, severity, severity_text, body, event_name, {_maps("at")}
        from (
            select project, received, process, shared_session, resource, scope, scope_version, scope_attributes,
                record.time as time_sent, record.observed as observed_ns,
                toUInt8(bitAnd(record.severity, 255)) as severity, record.severity_text as severity_text,
                record.body as body, record.trace_id as trace_id, record.span_id as span_id,
                record.event_name as event_name, {_unpacked("record.attributes", "at")}
            from ({_rows(source, "scope_logs", "log_records", "record")})
        )
    )
)"""
