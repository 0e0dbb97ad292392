"""Prompt files as trees: frontmatter, markdown text, JSX tags and `{expressions}`, as mdast writes them.

This reads the part of MDX that prompts are written in. Headings and paragraphs are told apart; other markdown stays as
it is written inside the text of its paragraph. Renderers evaluate an expression from its text, so positions and parsed
programs are left out, but for the one that they need: the parameter of a function inside a tag.
"""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["BadTemplate", "parse_template"]

Node = dict[str, Any]

_FRONTMATTER: Final = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_NAME: Final = re.compile(r"[A-Za-z_$][\w$.:-]*", re.ASCII)
_HEADING: Final = re.compile(r"(#{1,6})[ \t]+(.*)")
_ARROW: Final = re.compile(r"\s*\(?\s*([A-Za-z_$][\w$]*)\s*\)?\s*=>", re.ASCII)
_IMPORT: Final = re.compile(r"^(?:import|export)\s", re.MULTILINE)
_DEEPEST: Final = 100


class BadTemplate(Exception):
    """A prompt that cannot be read, with the line at which it goes wrong."""


def parse_template(text: str, commit: str | None) -> Node:
    """The tree of a prompt; with a commit, its head says that. Raises `BadTemplate`."""
    text = text.replace("\r\n", "\n")
    head = _FRONTMATTER.match(text)
    children = list[Node]()
    body, first_line = text, 1
    if head is not None:
        said = head[1].rstrip("\n")
        if commit is not None:
            said += f"\nagentmark_meta:\n  commit_sha: {commit}"
        children.append({"type": "yaml", "value": said})
        body, first_line = text[head.end() :], head[0].count("\n") + 1
    elif text.startswith("---"):
        raise BadTemplate("line 1: the head does not end; it ends with a line of three dashes")
    if found := _IMPORT.search(body):
        line = first_line + body.count("\n", 0, found.start())
        raise BadTemplate(f"line {line}: imports and exports are not read here; write the component out")
    reader = _Reader(body, first_line)
    return {"type": "root", "children": [*children, *reader.blocks("", 0)]}


class _Reader:
    """Reads a body from its begin to its end, once."""

    def __init__(self, text: str, first_line: int) -> None:
        self._text = text
        self._first_line = first_line
        self._at = 0

    def blocks(self, inside: str, depth: int) -> list[Node]:
        """Blocks up to the end of the text, or the closing tag of `inside`, which is taken."""
        found = list[Node]()
        while True:
            self._skip(" \t\n")
            if self._at >= len(self._text):
                if inside:
                    raise self._bad(f"<{inside}> is never closed")
                return found
            if self._closes(inside, depth):
                return found
            found.append(self._block(depth))

    def _block(self, depth: int) -> Node:
        if heading := _HEADING.match(self._text, self._at):
            end = self._text.find("\n", self._at)
            self._at = heading.start(2)
            children = self._inline(depth, len(self._text) if end < 0 else end)
            return {"type": "heading", "depth": len(heading[1]), "children": children}
        children = self._inline(depth, None)
        if len(children) == 1 and children[0]["type"] in ("mdxJsxTextElement", "mdxTextExpression"):
            # Alone in its paragraph, it stands there as a block.
            (only,) = children
            return {**only, "type": only["type"].replace("Text", "Flow")}
        return {"type": "paragraph", "children": children}

    def _inline(self, depth: int, end: int | None) -> list[Node]:
        """Text, tags and expressions up to `end`, a blank line or a closing tag, neither of which is taken."""
        found = list[Node]()
        plain = list[str]()

        def flush() -> None:
            if text := "".join(plain):
                found.append({"type": "text", "value": text})
            plain.clear()

        while self._at < (len(self._text) if end is None else end):
            sign = self._text[self._at]
            if sign == "\\" and self._text[self._at + 1 : self._at + 2] in ("{", "}", "<", "\\"):
                plain.append(self._text[self._at + 1])
                self._at += 2
            elif sign == "{":
                flush()
                found.append(_expression("mdxTextExpression", self._braces()))
            elif sign == "<" and self._text.startswith("</", self._at):
                break
            elif sign == "<" and (self._opens() or self._text.startswith("<>", self._at)):
                is_first = not found and not plain
                flush()
                found.append(self._element("mdxJsxTextElement", depth + 1))
                if is_first and self._line_ends():
                    break
            elif sign == "\n" and not self._text[self._at + 1 :].split("\n", 1)[0].strip():
                break
            else:
                plain.append(sign)
                self._at += 1
        flush()
        if found and found[-1]["type"] == "text":
            found[-1]["value"] = found[-1]["value"].rstrip()
            if not found[-1]["value"]:
                found.pop()
        return found or [{"type": "text", "value": ""}]

    def _element(self, kind: str, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self._bad(f"tags inside of tags, more than {_DEEPEST} deep")
        self._at += 1
        name = _NAME.match(self._text, self._at)
        self._at = name.end() if name else self._at
        attributes = list[Node]()
        while True:
            self._skip(" \t\n")
            if self._text.startswith("/>", self._at):
                self._at += 2
                children = list[Node]()
                break
            if self._text.startswith(">", self._at):
                self._at += 1
                children = self.blocks(name[0] if name else "<>", depth)
                break
            attributes.append(self._attribute())
        # A tag around one run of words holds the words, not a paragraph of them.
        if len(children) == 1 and children[0]["type"] == "paragraph":
            children = children[0]["children"]
        return {"type": kind, "name": name[0] if name else None, "attributes": attributes, "children": children}

    def _attribute(self) -> Node:
        if self._text.startswith("{", self._at):
            return {"type": "mdxJsxExpressionAttribute", "value": self._braces()}
        name = _NAME.match(self._text, self._at)
        if name is None:
            raise self._bad("a tag is not closed, or an attribute has no name")
        self._at = name.end()
        self._skip(" \t\n")
        value: Any = None
        if self._text.startswith("=", self._at):
            self._at += 1
            self._skip(" \t\n")
            value = self._value()
        return {"type": "mdxJsxAttribute", "name": name[0], "value": value}

    def _value(self) -> Any:
        sign = self._text[self._at : self._at + 1]
        if sign == "{":
            return {"type": "mdxJsxAttributeValueExpression", "value": self._braces()}
        end = self._text.find(sign, self._at + 1) if sign in ('"', "'") else -1
        if end < 0:
            raise self._bad("the value of an attribute is a text in quotes or an expression in braces")
        value = self._text[self._at + 1 : end]
        self._at = end + 1
        return value

    def _braces(self) -> str:
        """The text between a brace and its other one; braces in texts do not count."""
        first, depth, quote = self._at + 1, 0, ""
        at = self._at
        while at < len(self._text):
            sign = self._text[at]
            if quote:
                if sign == "\\":
                    at += 1
                elif sign == quote:
                    quote = ""
            elif sign in "\"'`":
                quote = sign
            elif sign == "{":
                depth += 1
            elif sign == "}":
                depth -= 1
                if not depth:
                    self._at = at + 1
                    return self._text[first:at]
            at += 1
        raise self._bad("a brace is never closed")

    def _closes(self, inside: str, depth: int) -> bool:
        if not self._text.startswith("</", self._at):
            return False
        name = _NAME.match(self._text, self._at + 2)
        told = name[0] if name else "<>"
        at = name.end() if name else self._at + 2
        if not depth or told != inside:
            raise self._bad(f"</{'' if told == '<>' else told}> closes nothing that is open")
        self._at = at
        self._skip(" \t\n")
        if not self._text.startswith(">", self._at):
            raise self._bad(f"</{told} is never closed")
        self._at += 1
        return True

    def _opens(self) -> bool:
        return _NAME.match(self._text, self._at + 1) is not None

    def _line_ends(self) -> bool:
        return not self._text[self._at :].split("\n", 1)[0].strip()

    def _skip(self, signs: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in signs:
            self._at += 1

    def _bad(self, problem: str) -> BadTemplate:
        line = self._first_line + self._text.count("\n", 0, self._at)
        return BadTemplate(f"line {line}: {problem}")


def _expression(kind: str, value: str) -> Node:
    node: Node = {"type": kind, "value": value}
    if arrow := _ARROW.match(value):
        function = {"type": "ArrowFunctionExpression", "params": [{"type": "Identifier", "name": arrow[1]}]}
        node["data"] = {
            "estree": {"type": "Program", "body": [{"type": "ExpressionStatement", "expression": function}]}
        }
    return node
