"""The statements that turn a file of OTLP into rows: one `insert ... select` for spans, one for logs.

Nothing of a caller's goes into the text of a statement: names of attributes are our own constants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn import semconv
from sojourn_gateway.engine import dialects
from sojourn_gateway.engine.tables import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["insert_logs", "insert_spans", "quoted"]

MINUTE_NS: Final = 60_000_000_000
PREVIEW: Final = 200
"""Characters of a text that a list shows."""

_NO_TRACE: Final = "toFixedString(repeat(char(0), 16), 16)"
_NO_SPAN: Final = "toFixedString(repeat(char(0), 8), 8)"
# Larger counts are no counts of tokens; the attribute itself stays as it came.
_MOST_TOKENS: Final = 10**12
_SPELLINGS: Final = 64
"""More than any field has, twice: numbers of fields are counted in these."""
_TEXTS: Final = (
    "user_id",
    "request_model",
    "response_model",
    "tool_name",
    "tool_call_id",
    "error_type",
)
_REPLIED: Final = 100
"""Ranks of what was asked are below, of what was replied above."""
_ENDPOINT: Final = r"\\.(chat|responses?|completions?|embeddings?|messages|languageModel|textEmbeddingModel)$"
_MEMBERS: Final = {
    "s": ("string_value", "String"),
    "i": ("int_value", "Int64"),
    "d": ("double_value", "Float64"),
    "b": ("bool_value", "Bool"),
    "a": ("array_value", "String"),
    "k": ("kvlist_value", "String"),
    "x": ("bytes_value", "String"),
}
_PLAIN: Final = {
    **{name: name for name in ("project", "service", "process", "resource")},
    **{name: name for name in ("scope", "scope_version", "scope_attributes")},
    "trace_id": "toFixedString(span.trace_id, 16)",
    "span_id": "toFixedString(span.span_id, 8)",
    "parent_id": "toFixedString(substring(span.parent_span_id, 1, 8), 8)",
    "name": "span.name",
    "kind": "toUInt8(bitAnd(span.kind, 255))",
    "minute": f"toUInt32(intDiv(span.start, {MINUTE_NS}))",
    "start_ns": "span.start",
    "status": "toUInt8(if(span.status.code in (1, 2), span.status.code, 0))",
    "status_message": "span.status.message",
    **{name: f"span.{name}" for name in ("trace_state", "flags", "lost_attributes", "lost_events", "lost_links")},
    **{name: f"span.{name}" for name in ("events", "links")},
}
"""Columns that need nothing but the span itself. They go through the stages of the statement as one tuple: each column
that a stage passes on is planned again there, and planning is what a commit costs most."""
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

    Done before anything else: every expression over the nested types of OTLP costs milliseconds of planning. The keys
    by a dictionary: what is asked of a key is then asked of each name once, not of each attribute.
    """
    members = ", ".join(f"{attributes}.value.{member} as {name}_{letter}" for letter, (member, _) in _MEMBERS.items())
    return f"cast({attributes}.key, 'Array(LowCardinality(String))') as {name}, {members}"


def _typed(name: str, letter: str, flags: str = "", flag: str = "") -> str:
    """The unpacked attributes of one type as a map; keys that came twice stay twice.

    With `flags`, an array beside the attributes, those only whose `flag` (in terms of `f`) holds.
    """
    _, kind = _MEMBERS[letter]
    values = f"{name}_{letter}"
    more, beside, also = (", f", f", {flags}", f" and {flag}") if flags else ("", "", "")
    return (
        f"cast((arrayFilter((k, v{more}) -> isNotNull(v){also}, {name}, {values}{beside}), "
        f"cast(arrayFilter((v{more}) -> isNotNull(v){also}, {values}{beside}), 'Array({kind})')), "
        f"'Map(LowCardinality(String), {kind})')"
    )


def _tag(values: Callable[[str], str], letters: Iterable[str]) -> str:
    """Any value as one text: a letter for its type, then the value; `n` for a key without a value."""
    shown = {"i": "toString({})", "d": "toString({})", "b": "toString(toUInt8({}))"}
    tried = ", ".join(f"concat('{letter}', {shown.get(letter, '{}').format(values(letter))})" for letter in letters)
    return f"coalesce({tried}, 'n')"


def _rare(name: str) -> str:
    """Which of the attributes are arrays, lists of keys, bytes or keys without a value."""
    return (
        "arrayMap((s, i, d, b) -> isNull(s) and isNull(i) and isNull(d) and isNull(b), "
        f"{name}_s, {name}_i, {name}_d, {name}_b) as {name}_rare"
    )


def _rest(name: str) -> str:
    """Those, tagged. Few are: so they are taken out first, and only then put into words."""
    kept = f"arrayFilter((k, r) -> r, {name}, {name}_rare)"
    values = ", ".join(f"arrayFilter((v, r) -> r, {name}_{letter}, {name}_rare)" for letter in "akx")
    return f"cast(({kept}, arrayMap((a, k, x) -> {_tag(str, 'akx')}, {values})), 'Map(LowCardinality(String), String)')"


def _maps(name: str) -> str:
    return f"""{_typed(name, "i")} as a_i, {_typed(name, "d")} as a_d, {_typed(name, "b")} as a_b,
        {_rest(name)} as a_x"""


def _first_text(options: Iterable[str]) -> str:
    tried = list(options)
    return tried[0] if len(tried) == 1 else "coalesce(" + ", ".join(f"nullIf({one}, '')" for one in tried) + ", '')"


def _text(sources: Iterable[str]) -> str:
    return _first_text(f"texts[{quoted(source)}]" for source in sources)


def _names() -> dict[str, int]:
    """Every spelling of a field: the number of the field, and how strong the spelling is."""
    return {
        source: number * _SPELLINGS + rank
        for number, field in enumerate(dialects.FIELDS, 1)
        for rank, source in enumerate(field.sources)
    }


def _codes() -> str:
    """What each attribute spells, 0 for those that spell nothing, 1 for an object whose members may."""
    plain = {name: code for name, code in _names().items() if not name.startswith(dialects.DOCUMENTS)}
    plain.update((name, 1) for name in dialects.DOCUMENTS)
    return f"arrayMap(k -> toUInt16({_code('k', plain)}), at)"


def _told() -> str:
    """All fields that have a spelling among the attributes: a map by the number of the field, of texts.

    One expression for every dialect: a spelling more costs a constant, where a look-up of its own costs half a
    millisecond of planning. A map answers the first of a key that is there twice: the strongest spelling, and a count
    of zero only when nobody says better.
    """
    names = _names()
    members = {name: code for name, code in names.items() if name.startswith(dialects.DOCUMENTS)}
    # Filtered before they are put together: of a text that spells nothing, no copy is made.
    known = ", ".join(f"arrayFilter((v, c) -> c > 1, at_{letter}, codes)" for letter in "sid")
    shown = "coalesce(s, toString(i), toString(d), '')"
    found = f"arrayMap((c, s, i, d) -> (c, {shown}), arrayFilter(c -> c > 1, codes), {known})"
    # Some write Python's notation, which for numbers differs by its quotes alone.
    inside = "JSONExtractKeysAndValuesRaw(replaceAll(assumeNotNull(d), '\\'', '\"'))"
    member = _code("concat(k, '.', m.1)", members)
    documents = (
        f"arrayFlatten(arrayMap((k, d) -> arrayMap(m -> (toUInt16({member}), m.2), {inside}), "
        f"arrayFilter((k, c) -> c = 1, at, codes), arrayFilter((s, c) -> c = 1, at_s, codes)))"
    )
    as_json = ", ".join(str(code) for name, code in names.items() if name.startswith(dialects.WRITTEN_AS_JSON))
    read = f"(c.1, if(c.1 in ({as_json}), trim(both '\"' from c.2), c.2))"
    told = f"arrayMap(c -> {read}, arrayConcat({found}, {documents}))"
    ranked = (
        f"arraySort(c -> c.1 + if(c.2 = '0', {_SPELLINGS // 2}, 0), arrayFilter(c -> c.1 != 0 and c.2 != '', {told}))"
    )
    return f"cast(arrayMap(c -> (intDiv(c.1, {_SPELLINGS}), c.2), {ranked}), 'Map(UInt16, String)')"


def _code(name: str, codes: Mapping[str, int]) -> str:
    return f"transform({name}, {_array(codes)}, [{', '.join(map(str, codes.values()))}], 0)"


def _field(column: str) -> str:
    """What the attributes say of a field, as text."""
    number = next(number for number, field in enumerate(dialects.FIELDS, 1) if field.column == column)
    return f"told[{number}]"


def _tokens(column: str) -> str:
    return f"least(toUInt64OrZero({_field(column)}), {_MOST_TOKENS})"


def _dollars() -> str:
    amount = f"toDecimal128OrNull({_first_text((_field('cost'), _above_zero(_field('cost_above_zero'))))}, 15)"
    return f"arrayMap(d -> if(d >= 0 and d < 1000000000, d, null), [{amount}])[1]"


def _above_zero(amount: str) -> str:
    return f"if({amount} = '0', '', {amount})"


def _provider() -> str:
    # Some name the endpoint too: `openai.chat`, `anthropic.messages`.
    name = f"replaceRegexpOne(lower({_field('provider')}), '{_ENDPOINT}', '')"
    return f"transform({name}, {_array(dialects.PROVIDERS)}, {_array(dialects.PROVIDERS.values())})"


def _session(own: str, last: str) -> str:
    # "null" is what careless clients write for none. What is not UTF-8 is marked here and not where it is shown, since
    # whoever was shown an id asks by it.
    found = _first_text((own, "shared_session", last))
    return f"substringUTF8(toValidUTF8(replaceRegexpOne(trimBoth({found}), '^null$', '')), 1, 512)"


def _called() -> str:
    """The step that the span's own words stand for; empty for words that stand for none."""
    known = {**dialects.STEPS_BY_KIND, **dialects.STEPS_BY_OPERATION}
    # AgentOps writes the name of its enumeration in some places.
    said = f"replaceOne(lower({_field('step_kind')}), 'agentopsspankindvalues.', '')"
    return f"transform({said}, {_array(known)}, {_array(known.values())}, '')"


# Written out twice, as a name of an expression is: so what is large in it is a column of its own, `called`.
_STEP: Final = (
    "multiIf(called != '', called, request_model != '' and input_tokens + output_tokens > 0, 'model', 'other')"
)


def _ranks() -> str:
    """How much each content text says of what was asked, and from `_REPLIED` on of what was replied; 0 for nothing."""
    ranks = {
        name: start + rank
        for start, said in ((0, dialects.SAID_ASKED), (_REPLIED, dialects.SAID_REPLIED))
        for rank, name in enumerate((*said.messages, *said.plain), 1)
    }
    codes = f"[{', '.join(map(str, ranks.values()))}]"
    return f"arrayMap(k -> toUInt8(transform(k, {_array(ranks)}, {codes}, 0)), mapKeys(content))"


# No lambda may see a text beside its own elements: what a lambda captures is copied for each of them.
_CHOSEN: Final = f"""
    arrayMin(arrayMap(r -> if(r = 0, 255, r), ranks)) as asked_rank,
    arrayMin(arrayMap(r -> if(r < {_REPLIED}, 255, r), ranks)) as replied_rank,
    mapValues(content)[indexOf(ranks, asked_rank)] as asked,
    mapValues(content)[indexOf(ranks, replied_rank)] as replied,
    substring(asked, 1, {4 * PREVIEW}) as asked_head, substring(replied, 1, {4 * PREVIEW}) as replied_head"""
_ASKED_LISTS: Final = len(dialects.SAID_ASKED.messages)
_REPLIED_LISTS: Final = _REPLIED + len(dialects.SAID_REPLIED.messages)
# Some write an object with the messages inside.
_MESSAGE: Final = f"""
    arrayFirst(m -> m.role in ('user', 'human'), JSONExtract(
        multiIf(asked_rank > {_ASKED_LISTS}, '', startsWith(asked, '{{'), JSONExtractRaw(asked, 'messages'), asked),
        {quoted(_MESSAGES)})) as question,
    JSONExtract(
        multiIf(replied_rank > {_REPLIED_LISTS}, '', startsWith(replied, '{{'),
            concat('[', JSONExtractRaw(replied, 'choices', 1, 'message'), ']'), replied),
        {quoted(_MESSAGES)})[-1] as answer"""


def _words(message: str, part: int) -> str:
    """The text of a message: a text part (some senders keep the provider's own parts), else its content."""
    texts = f"arrayMap(p -> if(p.content != '', p.content, p.text), arrayFilter(p -> p.type = 'text', {message}.parts))"
    content = f"{message}.content"
    return _first_text(
        (f"{texts}[{part}]", f"if(startsWith({content}, '['), JSONExtractString({content}, 1, 'text'), {content})")
    )


def _said(text: str, words: str, strongest: int, lists: int) -> str:
    """What is no list of messages after all is shown as it is, but not under the names that say it is one."""
    return (
        f"if({text}_rank > {lists}, {text}_head, "
        f"coalesce(nullIf({words}, ''), if({text}_rank = {strongest}, '', {text}_head)))"
    )


def _first_input() -> str:
    # Of messages that are an attribute each: the content beside the first role of a user.
    # Taken out before they are looked at: what `and` leaves for later, it copies.
    taken = "arrayFilter(({0}, r) -> r, map{1}(content), arrayMap(k -> endsWith(k, '.role'), mapKeys(content)))"
    role = f"arrayFirst((k, v) -> v in ('user', 'human'), {taken.format('k', 'Keys')}, {taken.format('v', 'Values')})"
    beside = f"content[replaceRegexpOne({role}, 'role$', 'content')]"
    said = _said("asked", _words("question", 1), 1, _ASKED_LISTS)
    return f"substringUTF8({_first_text((beside, said))}, 1, {PREVIEW})"


def _last_output() -> str:
    return f"substringUTF8({_said('replied', _words('answer', -1), _REPLIED + 1, _REPLIED_LISTS)}, 1, {PREVIEW})"


def _minute(time: str) -> str:
    return f"toUInt32(intDiv({time}, {MINUTE_NS}))"


def _version(pending: str) -> str:
    # A finished span beats a pending one whatever the order of their arrival; else the last to arrive wins.
    return f"bitOr(bitAnd(received, 9223372036854775807), if({pending}, toUInt64(0), toUInt64(9223372036854775808)))"


def insert_spans(source: str) -> str:
    """The statement for spans. `source` is a table of one column `parts`; `{commit:UInt64}` is bound.

    A span without a valid id is left out here, and told to its sender by whoever checked the body.
    """
    begin = f"substring(k, 1, {dialects.CONTENT_BEGINNING_LENGTH})"
    is_content = f"k in {_tuple(dialects.CONTENT)} or {begin} in {_tuple(dialects.CONTENT_BEGINNINGS)}"
    fields = [
        ("session_id", _session(_field("session"), _field("conversation"))),
        *((column, _field(column)) for column in _TEXTS),
        ("operation", f"a_s[{quoted(semconv.OPERATION)}]"),
        ("provider", _provider()),
        *((field.column, _tokens(field.column)) for field in dialects.TOKENS),
        ("reported", _dollars()),
        ("called", _called()),
        ("first_input", _first_input()),
        ("last_output", _last_output()),
    ]
    columns = ", ".join(name for name, _ in fields if name != "called")
    read = ", ".join(f"{expression} as {name}" for name, expression in fields)
    plain = ", ".join(_PLAIN)
    unpacked = ", ".join(f"plain.{number}" for number in range(1, len(_PLAIN) + 1))
    maps = "content, a_s, a_i, a_d, a_b, a_x"
    raw = "at, " + ", ".join(f"at_{letter}" for letter in _MEMBERS)
    further = "plain, received, ended, shared_session"
    return f"""
insert into {DATABASE}.spans ({plain}, {maps}, {columns}, step, usage, end_ns, version, commit)
select {unpacked}, {maps}, {columns}, {_STEP} as step,
    step in ('model', 'embedding') and (input_tokens + output_tokens > 0 or isNotNull(reported)) as usage,
    if(pending, 0, ended) as end_ns, {_version("pending")} as version, {{commit:UInt64}} as commit
from (
    select plain, received, ended, {maps}, {read}, ended = 0 or a_b[{quoted(semconv.PENDING)}] as pending
    from (select {further}, told, {maps}, asked_rank, replied_rank, asked_head, replied_head, {_MESSAGE}
    from (select {further}, told, {maps}, {_CHOSEN}
    from (select {further}, told, {maps}, {_ranks()} as ranks
    from (select {further}, {_told()} as told,
        {_typed("at", "s", "large", "f")} as content, {_typed("at", "s", "large", "not f")} as a_s, {_maps("at")}
    from (select {further}, {raw}, {_codes()} as codes, arrayMap(k -> {is_content}, at) as large, {_rare("at")}
        from (
            select ({", ".join(_PLAIN.values())}) as plain, received, span.end as ended, shared_session,
                {_unpacked("span.attributes", "at")}
            from ({_rows(source, "scope_spans", "spans", "span")})
            where length(span.trace_id) = 16 and length(span.span_id) = 8
                and toFixedString(span.trace_id, 16) != {_NO_TRACE} and toFixedString(span.span_id, 8) != {_NO_SPAN}
        )))))
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
    session = _session(_text(dialects.LOG_SESSIONS), _text((semconv.CONVERSATION_ID,)))
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
    select *, if(event_name != '', event_name, texts[{quoted(semconv.EVENT_NAME)}]) as event, {session} as session_id
    from (
        select project, received, process, shared_session, resource, scope, scope_version, scope_attributes, trace_id,
            span_id, time_sent, observed_ns, severity, severity_text, body, event_name,
            {_typed("at", "s")} as texts, {_rare("at")}, {_maps("at")}
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
