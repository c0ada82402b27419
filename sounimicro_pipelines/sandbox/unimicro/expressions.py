"""The query language's grammar: filters, and the expressions of the statistics endpoint, as small trees.

Only the grammar is here; which operators and functions a route knows is decided where the tree is compiled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


class SyntaxProblem(ValueError):
    """The text is no expression of this language."""


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Path:
    """A field, perhaps through relations: `Info.Name`."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function; `name` as typed."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An infix operation; `operator` in lower case."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Not:
    operand: Node


@dataclass(frozen=True, slots=True)
class Within:
    """`x in (a,b)` or `x notin (a,b)`."""

    operand: Node
    items: tuple[Node, ...]
    negated: bool


Node = Literal | Path | Call | Operation | Not | Within

COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
PATTERNS = frozenset({"like", "notlike"})
ARITHMETIC = {"add": 1, "sub": 1, "mul": 2, "div": 2, "mod": 2}

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?(?![\w.]))|(?P<name>[^\W\d]\w*(?:\.\w+)*)|(?P<mark>[(),]))",
)


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise SyntaxProblem(f"Syntax error at position {position}")
        kind = match.lastgroup or ""
        found.append((kind, match.group(kind)))
        position = match.end()
    return found


def parse(text: str) -> Node:
    """The tree of one expression. Raises SyntaxProblem."""
    parser = _Parser(_tokens(text))
    node = parser.disjunction()
    if parser.peek() is not None:
        raise SyntaxProblem(f"Unexpected {parser.peek()}")
    return node


def split_commas(text: str) -> list[str]:
    """Splits at commas that stand outside parentheses and quotes; `\\,` is a comma inside a function as well."""
    parts, depth, quoted, start = [], 0, False, 0
    for position, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted and character == "(":
            depth += 1
        elif not quoted and character == ")":
            depth -= 1
        elif not quoted and character == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]


def conjuncts(node: Node) -> list[Node]:
    """The parts of a tree that are joined by `and` at its top."""
    if isinstance(node, Operation) and node.operator == "and":
        return conjuncts(node.left) + conjuncts(node.right)
    return [node]


def paths(node: Node) -> list[str]:
    """Every path that a tree mentions."""
    match node:
        case Path(text):
            return [text]
        case Operation():
            return paths(node.left) + paths(node.right)
        case Not(operand):
            return paths(operand)
        case Call():
            return [path for argument in node.arguments for path in paths(argument)]
        case Within():
            return paths(node.operand) + [path for item in node.items for path in paths(item)]
        case _:
            return []


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.position = 0

    def peek(self) -> str | None:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else None

    def word(self) -> str:
        """The next token in lower case when it is a bare word, else an empty text."""
        if self.position < len(self.tokens) and self.tokens[self.position][0] == "name":
            return self.tokens[self.position][1].lower()
        return ""

    def take(self, mark: str | None = None) -> tuple[str, str]:
        if self.position >= len(self.tokens):
            raise SyntaxProblem("Unexpected end")
        token = self.tokens[self.position]
        if mark is not None and token[1] != mark:
            raise SyntaxProblem(f"Expected {mark}")
        self.position += 1
        return token

    def disjunction(self) -> Node:
        node = self.conjunction()
        while self.word() == "or":
            self.take()
            node = Operation("or", node, self.conjunction())
        return node

    def conjunction(self) -> Node:
        node = self.negation()
        while self.word() == "and":
            self.take()
            node = Operation("and", node, self.negation())
        return node

    def negation(self) -> Node:
        if self.word() == "not":
            self.take()
            return Not(self.negation())
        return self.comparison()

    def comparison(self) -> Node:
        node = self.sum(1)
        operator = self.word()
        if operator in COMPARISONS or operator in PATTERNS:
            self.take()
            return Operation(operator, node, self.sum(1))
        if operator in ("in", "notin"):
            self.take()
            self.take("(")
            items = [self.sum(1)]
            while self.peek() == ",":
                self.take()
                items.append(self.sum(1))
            self.take(")")
            return Within(node, tuple(items), operator == "notin")
        return node

    def sum(self, level: int) -> Node:
        node = self.sum(level + 1) if level < 2 else self.atom()
        while ARITHMETIC.get(self.word()) == level:
            operator = self.take()[1].lower()
            node = Operation(operator, node, self.sum(level + 1) if level < 2 else self.atom())
        return node

    def atom(self) -> Node:
        kind, text = self.take()
        if kind == "text":
            return Literal(text[1:-1].replace("''", "'"))
        if kind == "number":
            number = Decimal(text)
            return Literal(int(number) if "." not in text else number)
        if text == "(":
            node = self.disjunction()
            self.take(")")
            return node
        if kind != "name":
            raise SyntaxProblem(f"Unexpected {text}")
        if self.peek() == "(":
            return Call(text, self.arguments())
        lowered = text.lower()
        if lowered in ("true", "false"):
            return Literal(lowered == "true")
        if lowered == "null":
            return Literal(None)
        return Path(text)

    def arguments(self) -> tuple[Node, ...]:
        self.take("(")
        if self.peek() == ")":
            self.take()
            return ()
        arguments = [self.disjunction()]
        while self.peek() == ",":
            self.take()
            arguments.append(self.disjunction())
        self.take(")")
        return tuple(arguments)
