"""A Nix expression as the same expression in Python, for those who read both side by side.

>>> python_of("infuse { x = 3; } { x = x: x * x; }")
"infuse({'x': 3}, {'x': lambda x: x * x})"

Attribute sets, lists, texts, numbers, functions of one argument, application, selection, `let`, `if` and the
operators; of the built-in functions those of `KNOWN`. What else Nix has no Python here: `NoPython` names it.
Grammar: https://nix.dev/manual/nix/2.26/language/ (operators, their precedence: operators.html).
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from helpers.errors import InitlabError
from helpers.infuse import Failed, InfuseError

__all__ = ["KNOWN", "NoPython", "evaluate", "python_of"]


class NoPython(InitlabError):
    """This part of Nix has no counterpart here; or it is no Nix, and then Nix itself says so better."""


def _throw(message: str) -> Failed:
    """Nix's `throw`: an error that counts when somebody uses it."""
    return Failed(InfuseError(message))


KNOWN: dict[str, Callable[..., Any]] = {"throw": _throw, "map": lambda f: lambda xs: [f(x) for x in xs]}
"""Nix's functions that are known, by name."""

_TOKEN = re.compile(
    r"""(?P<space>(?:\s|\#[^\n]*|/\*.*?\*/)+)
    |(?P<float>\d+\.\d+) |(?P<int>\d+) |(?P<name>[A-Za-z_][A-Za-z0-9_'-]*)
    |(?P<text>"(?:[^"\\]|\\.)*")
    |(?P<op>\|\||&&|==|!=|<=|>=|//|\+\+|->|[-+*/<>!?:;=.,@(){}\[\]])""",
    re.VERBOSE | re.DOTALL,
)
# Operators from the loosest to the tightest; `//`, `++` and `?` have a text of their own.
_LEVELS: list[tuple[dict[str, str], bool]] = [
    ({"||": "or"}, False),
    ({"&&": "and"}, False),
    ({"==": "==", "!=": "!="}, False),
    ({"<": "<", ">": ">", "<=": "<=", ">=": ">="}, False),
    ({"//": "//"}, True),
    ({"+": "+", "-": "-"}, False),
    ({"*": "*", "/": "/"}, False),
    ({"++": "++"}, True),
]
_CONSTANTS = {"true": "True", "false": "False", "null": "None"}
_WORDS = {"let", "in", "if", "then", "else", "with", "rec", "inherit", "assert", "or"}
_DEEPEST = 60  # brackets in brackets


@dataclass
class _Set:
    """An attribute set being read: names may come in several bindings (`a.b = 1; a.c = 2;`)."""

    parts: dict[str, str | _Set] = field(default_factory=dict)

    def put(self, path: list[str], value: str | _Set) -> None:
        head, *rest = path
        if rest:
            inner = self.parts.setdefault(head, _Set())
            if not isinstance(inner, _Set):
                raise NoPython(f"attribute {head!r} is defined twice")
            inner.put(rest, value)
        elif head in self.parts:
            raise NoPython(f"attribute {head!r} is defined twice")
        else:
            self.parts[head] = value

    def __str__(self) -> str:
        return "{" + ", ".join(f"{name!r}: {part}" for name, part in self.parts.items()) + "}"


@dataclass(frozen=True)
class _Text:
    """Python text; `whole` where it needs no brackets as an operand."""

    text: str
    whole: bool = True
    made: _Set | None = None

    def operand(self) -> str:
        return self.text if self.whole else f"({self.text})"


class _Reader:
    def __init__(self, source: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.at = 0
        self.bound: list[str] = []
        self.depth = 0
        position = 0
        while position < len(source):
            found = _TOKEN.match(source, position)
            if found is None or found.lastgroup is None:
                raise NoPython(f"no Python for {source[position : position + 12]!r}")
            if found.lastgroup != "space":
                self.tokens.append((found.lastgroup, found[0]))
            position = found.end()

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place][1] if place < len(self.tokens) else ""

    def kind(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place][0] if place < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        found = self.peek()
        if not found or (wanted and found != wanted):
            raise NoPython(f"{wanted or 'more'} expected, not {found or 'the end'}")
        self.at += 1
        return found

    # -- expressions ------------------------------------------------------------------------------

    def expression(self) -> _Text:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise NoPython("brackets in brackets in brackets: too deep to be read side by side")
        try:
            return self._expression()
        finally:
            self.depth -= 1

    def _expression(self) -> _Text:
        word = self.peek()
        if self.kind() == "name" and self.peek(1) == ":":
            name = self.name(self.take())
            self.take(":")
            return _Text(f"lambda {name}: {self.inside(name).text}", whole=False)
        if word == "let":
            return self.let()
        if word == "if":
            self.take()
            condition = self.expression()
            self.take("then")
            yes = self.expression()
            self.take("else")
            no = self.expression()
            return _Text(f"{yes.operand()} if {condition.operand()} else {no.operand()}", whole=False)
        return self.level(0)

    def inside(self, *names: str) -> _Text:
        """An expression in which these names are known."""
        self.bound += names
        try:
            return self.expression()
        finally:
            del self.bound[len(self.bound) - len(names) :]

    def name(self, nix: str) -> str:
        """A variable's name in Python."""
        python = nix.replace("-", "_").replace("'", "_")
        return python + "_" if keyword.iskeyword(python) or python in KNOWN or python == "infuse" else python

    def let(self) -> _Text:
        self.take("let")
        names: list[str] = []
        values: list[str] = []
        while self.peek() != "in":
            name = self.name(self.take())
            self.take("=")
            values.append(self.inside(*names).text)
            names.append(name)
            self.take(";")
        self.take("in")
        text = self.inside(*names).text
        for name, value in reversed(list(zip(names, values, strict=True))):
            text = f"(lambda {name}: {text})({value})"
        return _Text(text)

    def level(self, number: int) -> _Text:
        if number == len(_LEVELS):
            return self.has()
        operators, from_right = _LEVELS[number]
        left = self.level(number + 1)
        while (operator := self.peek()) in operators and self.kind() == "op":
            self.take()
            right = self.level(number) if from_right else self.level(number + 1)
            if operator == "//":
                left = _Text(f"{left.operand()} | {right.operand()}", whole=False)
            elif operator == "++":
                left = _Text(f"[{_spread(left)}, {_spread(right)}]")
            else:
                left = _Text(f"{left.operand()} {operators[operator]} {right.operand()}", whole=False)
        return left

    def has(self) -> _Text:
        if self.peek() in ("-", "!"):
            sign = {"-": "-", "!": "not "}[self.take()]
            return _Text(sign + self.has().operand(), whole=False)
        left = self.application()
        if self.peek() == "?":
            self.take()
            return _Text(f"{self.attribute()!r} in {left.operand()}", whole=False)
        return left

    def application(self) -> _Text:
        function = self.selection()
        arguments = []
        while self.starts_an_atom():
            arguments.append(self.selection())
        if not arguments:
            return function
        if function.text == "infuse" and len(arguments) >= 2:
            target, infusion, *arguments = arguments
            function = _Text(f"infuse({target.text}, {infusion.text})")
        text = function.operand() + "".join(f"({argument.text})" for argument in arguments)
        return _Text(text)

    def starts_an_atom(self) -> bool:
        return self.kind() in ("int", "float", "text") or (
            self.peek() in ("(", "{", "[") or (self.kind() == "name" and self.peek() not in _WORDS - {"rec"})
        )

    def selection(self) -> _Text:
        found = self.atom()
        path = []
        while self.peek() == ".":
            self.take()
            path.append(self.attribute())
        if not path:
            return found
        if self.peek() == "or":
            self.take()
            other = self.atom()
            inner = found.operand() + "".join(f"[{name!r}]" for name in path[:-1])
            return _Text(f"{inner}.get({path[-1]!r}, {other.text})")
        return _Text(found.operand() + "".join(f"[{name!r}]" for name in path))

    def attribute(self) -> str:
        kind, word = self.kind(), self.take()
        if kind == "text":
            if "${" in word:
                raise NoPython("no Python for a computed name")
            return str(ast.literal_eval(word))
        if kind != "name":
            raise NoPython(f"a name expected, not {word}")
        return word

    def atom(self) -> _Text:
        kind, word = self.kind(), self.peek()
        if kind in ("int", "float"):
            return _Text(self.take())
        if kind == "text":
            return self.string(self.take())
        if word == "(":
            self.take()
            inner = self.expression()
            self.take(")")
            return inner
        if word == "[":
            return self.list()
        if word == "{":
            return self.set()
        if kind == "name" and word not in _WORDS:
            self.take()
            python = self.name(word)
            if python in self.bound:
                return _Text(python)
            if word in _CONSTANTS:
                return _Text(_CONSTANTS[word])
            if word == "infuse" or word in KNOWN:
                return _Text(word)
        raise NoPython(f"no Python for {word or 'nothing'}")

    def list(self) -> _Text:
        self.take("[")
        parts = []
        while self.peek() != "]":
            parts.append(self.selection().text)
        self.take("]")
        return _Text("[" + ", ".join(parts) + "]")

    def set(self) -> _Text:
        self.take("{")
        made = _Set()
        while self.peek() != "}":
            if self.peek() == "inherit":
                raise NoPython("no Python for inherit")
            path = [self.attribute()]
            while self.peek() == ".":
                self.take()
                path.append(self.attribute())
            self.take("=")
            value = self.expression()
            self.take(";")
            made.put(path, value.made if value.made is not None else value.text)
        self.take("}")
        if self.peek() in (":", "@"):
            raise NoPython("no Python for a function that names its arguments")
        return _Text(str(made), made=made)

    def string(self, word: str) -> _Text:
        parts = re.split(r"(?<!\\)\$\{([^{}]*)\}", word[1:-1])
        if any(re.search(r"(?<!\\)\$\{", part) for part in parts[::2]):
            raise NoPython("no Python for a text inside of ${ } inside of a text")
        texts = []
        for number, part in enumerate(parts):
            if number % 2:
                inner = _Reader(part)
                inner.bound = self.bound
                texts.append(inner.whole().operand())
            elif part or len(parts) == 1:
                texts.append(repr(_unescaped(part)))
        return _Text(" + ".join(texts), whole=len(texts) == 1)

    def whole(self) -> _Text:
        """All of it, as one expression."""
        found = self.expression()
        if self.at < len(self.tokens):
            raise NoPython(f"the end expected, not {self.peek()}")
        return found


def _spread(part: _Text) -> str:
    return part.text[1:-1] if re.fullmatch(r"\[[^\[\]]+\]", part.text) else f"*{part.operand()}"


def _unescaped(text: str) -> str:
    return re.sub(
        r"\\(.)", lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1]), text, flags=re.DOTALL
    )


def python_of(nix: str) -> str:
    """The expression in Python, where `infuse` is `helpers.infuse.infuse`. Raises `NoPython`."""
    return _Reader(nix).whole().text


def evaluate(python: str, infuse: Callable[[Any, Any], Any]) -> Any:
    """The value of what `python_of` gave. It knows `infuse` and `KNOWN` only. Raises what it raises."""
    return eval(python, {"__builtins__": {}, "infuse": infuse, **KNOWN})  # noqa: S307 - our own text
