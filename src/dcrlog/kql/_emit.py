"""From typed expressions to Python, of which every word is ours: names and values are bound constants."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from dcrlog.kql._compare import all_of, any_of
from dcrlog.kql._scope import too_large
from dcrlog.kql._typed import Apply, Choose, Const, Junction, Local, Negation, Typed
from dcrlog.kql._types import Type
from dcrlog.kql.errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_NESTING: Final = 12
_MAX_NODES: Final = 50_000
_PLAIN: Final = (type(None), bool, int)


class Emitter:
    """Writes the lines of one function.

    Attributes:
        constants: What its identifiers stand for.
        lines: The lines, each with how deep it is indented.
        used: The identifiers that occur in expressions.
    """

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.lines: list[tuple[int, str]] = []
        self.used: set[str] = set()
        self.indent = 1
        self._known: dict[tuple[type, Any], str] = {}
        self._count = 0
        self._nodes = 0

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append((self.indent, text))

    def fresh(self, letter: str) -> str:
        """Return an identifier that nothing has yet."""
        self._count += 1
        return f"{letter}{self._count}"

    def constant(self, value: Any) -> str:
        """Return the identifier of a constant."""
        try:
            key = (type(value), value)
            known = self._known.get(key)
        except TypeError:
            key, known = (type(value), id(value)), None
        # A negative zero equals zero, and no NaN itself.
        if known is None or isinstance(value, float):
            known = self.fresh("c")
            self.constants[known] = value
            self._known[key] = known
        return known

    def assign(self, value: Typed) -> Typed:
        """Put an expression into a variable, where it is none yet, and return that."""
        if isinstance(value, Local | Const):
            return value
        identifier = self.fresh("v")
        self.line(f"{identifier} = {self.value(value)}")
        return Local(value.type, value.nullable, identifier)

    def value(self, node: Typed, depth: int = 0) -> str:
        """Write an expression as a value."""
        self._tally()
        if isinstance(node, Apply):
            node = self._shortened(node)
        if depth > _MAX_NESTING and not isinstance(node, Const | Local):
            # Python's compiler takes parentheses only so deep. Nothing here has an effect, so that
            # it does not matter what is computed first.
            code = self.value(node)
            identifier = self.fresh("t")
            self.line(f"{identifier} = {code}")
            return identifier
        match node:
            case Const():
                code = self._const(node)
            case Local():
                self.used.add(node.identifier)
                code = node.identifier
            case Apply():
                code = self._apply(node, depth)
            case Choose():
                code = self._choose(node, depth)
            case Negation():
                code = self._negation(node, depth)
            case Junction():
                code = self._junction(node, depth)
            case _:
                raise MistakeError("typeof() is an argument of extract() only.", (0, 0))
        return code

    def _shortened(self, node: Apply) -> Typed:
        """Put the lower part of a chain of operators, as long as it may be, into variables."""
        chain: list[Apply] = [node]
        while chain[-1].arguments and isinstance(first := chain[-1].arguments[0], Apply):
            chain.append(first)
        if len(chain) <= _MAX_NESTING:
            return node
        value: Typed = chain.pop()
        for number, each in enumerate(reversed(chain), 1):
            value = replace(each, arguments=(value, *each.arguments[1:]))
            if number % (_MAX_NESTING - 1) == 0:
                value = self.assign(value)
        return value

    def condition(self, node: Typed, depth: int = 0) -> str:
        """Write a condition for Python's `if`, in which null counts as false."""
        if isinstance(node, Junction):
            self._tally()
            operands = [self.condition(each, depth + 1) for each in node.operands]
            return f"({f' {node.operator} '.join(operands)})"
        if isinstance(node, Negation) and node.operand.nullable:
            return f"({self.value(node.operand, depth + 1)} is False)"
        return self.value(node, depth)

    def _tally(self) -> None:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise too_large((0, 0))

    def _const(self, node: Const) -> str:
        if node.value.__class__ in _PLAIN and not (node.value and abs(node.value) >= 1 << 63):
            return f"({node.value})" if node.value.__class__ is int and node.value < 0 else str(node.value)
        return self.constant(node.value)

    def _apply(self, node: Apply, depth: int) -> str:
        tests: list[str] = []
        arguments: list[str] = []
        for each in node.arguments:
            code = self.value(each, depth + 1)
            if each.nullable and not node.takes_null:
                code = self._guard(code, tests)
            arguments.append(code)
        if node.template is not None:
            call = node.template.format(*arguments)
        else:
            call = f"{self.constant(node.function)}({', '.join(arguments)})"
        if not tests:
            return call
        null = "''" if node.type is Type.STRING else "None"
        return f"({null} if {' or '.join(tests)} else {call})"

    def _guard(self, code: str, tests: list[str]) -> str:
        if code.isidentifier():
            tests.append(f"{code} is None")
            return code
        identifier = self.fresh("t")
        tests.append(f"({identifier} := {code}) is None")
        return identifier

    def _choose(self, node: Choose, depth: int) -> str:
        code = self.value(node.otherwise, depth + 2)
        for number, (condition, value) in enumerate(reversed(node.branches)):
            if number % _MAX_NESTING == _MAX_NESTING - 1:
                identifier = self.fresh("t")
                self.line(f"{identifier} = {code}")
                code = identifier
            code = f"({self.value(value, depth + 2)} if {self.condition(condition, depth + 2)} else {code})"
        return code

    def _negation(self, node: Negation, depth: int) -> str:
        if not node.nullable:
            return f"(not {self.value(node.operand, depth + 1)})"
        return self._apply(Apply(Type.BOOL, True, _not, (node.operand,), template="(not {0})"), depth)

    def _junction(self, node: Junction, depth: int) -> str:
        operands = [self.value(each, depth + 1) for each in node.operands]
        if not node.nullable:
            return f"({f' {node.operator} '.join(operands)})"
        join: Callable[..., Any] = all_of if node.operator == "and" else any_of
        return f"{self.constant(join)}({', '.join(operands)})"


def load(code: str, constants: "Mapping[str, Any]", name: str) -> "Callable[..., Any]":
    """Return the generated function of that name."""
    names: dict[str, Any] = {
        "__builtins__": {"float": float, "int": int, "len": len, "str": str},
        **constants,
    }
    exec(compile(code, "<kql>", "exec"), names)
    found: Callable[..., Any] = names[name]
    return found


def _not(value: bool) -> bool:
    return not value
