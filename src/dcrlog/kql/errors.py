"""What is wrong with a transformation or a query, and where."""

from typing import Final, Literal

from dcrlog.errors import DcrlogError, printable

Code = Literal["InvalidTransformQuery", "InvalidTransformOutput", "SyntaxError", "SemanticError"]
"""The codes under which Azure refuses a rule for its transformation, and those of queries."""

Span = tuple[int, int]
"""Where something stands in the text: the offset of its first character, and that behind its last."""

SYNTAX: Final = "SyntaxError:0x00000001"
SEMANTIC: Final = "SemanticError:0x00000006"

_WIDTH: Final = 100


class KqlError(DcrlogError, ValueError):
    """A transformation or query that Azure would refuse, or that the engine cannot carry out.

    Attributes:
        code: The code under which Azure refuses it.
        reason: What is wrong, without the position: in Azure's words where they are known.
        hint: What to write instead, which Azure does not say; empty where there is no advice.
        text: The whole text.
        line: Counted from 1.
        column: Counted from 1, in characters.
        length: How many characters are at fault; at least 1.
    """

    def __init__(
        self, code: Code, reason: str, text: str, at: Span, *, kind: str = SEMANTIC, hint: str = ""
    ) -> None:
        start = min(at[0], len(text))
        self.code: Code = code
        self.reason = reason
        self.hint = hint
        self.text = text
        self.line = text.count("\n", 0, start) + 1
        self.column = start - (text.rfind("\n", 0, start) + 1) + 1
        self.length = max(1, at[1] - start)
        told = reason
        if code == "InvalidTransformQuery":
            # Seen in hashicorp/terraform-provider-azurerm#27820.
            told = (
                f"Error occurred while compiling query in query: {kind} at {self.line}:{self.column} : {told}"
            )
        elif code == "SyntaxError":
            shown = text[start : at[1]][:40] or "<EOF>"
            told = f"Query could not be parsed at '{shown}' on line [{self.line},{self.column}]: {told}"
        elif code == "SemanticError":
            told = f"{told.removesuffix('.')} on line [{self.line},{self.column}]"
        super().__init__(told)

    def draw(self) -> str:
        """Return the offending line with a mark under the offending text; reason and hint follow."""
        line = self.text.split("\n")[self.line - 1].rstrip("\r")
        first = self.column - 1
        # A rule has its transformation on one line of up to 15,360 characters.
        begin = 0 if first < _WIDTH - 20 else first - _WIDTH // 2
        shown, before = line[begin : begin + _WIDTH], line[begin:first]
        marks = max(1, min(self.length, len(shown) - len(before)))
        head = f"{self.line}:{self.column} | {'...' if begin else ''}"
        indent = " " * (len(head) + len(printable(before)))
        tail = "..." if begin + _WIDTH < len(line) else ""
        told = "".join(f"\n{printable(each)}" for each in (self.reason, self.hint) if each)
        return f"{head}{printable(shown)}{tail}\n{indent}{'^' * marks}{told}"


class QueryLimitError(DcrlogError):
    """A query that takes more than it may."""


class MistakeError(Exception):
    """A mistake found while a text is compiled, which makes a `KqlError` of it."""

    def __init__(self, reason: str, at: Span, *, kind: str = SEMANTIC, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.at = at
        self.kind = kind
        self.hint = hint
        self.operator = ""

    def of(self, text: str) -> KqlError:
        """Return the error of the transformation with this text."""
        return KqlError("InvalidTransformQuery", self.reason, text, self.at, kind=self.kind, hint=self.hint)


class UndefinedError(MistakeError):
    """A name that means nothing."""

    def __init__(self, name: str, at: Span, *, hint: str = "") -> None:
        super().__init__(f"Undefined symbol: {name}", at, hint=hint)
        self.name = name


class UnknownFunctionError(MistakeError):
    """A call of a function that there is not, or that transformations may not have."""

    def __init__(self, name: str, at: Span, *, hint: str = "") -> None:
        # The service's own words (Azure/Azure-Sentinel#15099).
        super().__init__(f"Runtime scalar function provider not found for function: {name}", at, hint=hint)
        self.name = name


def syntax_error(reason: str, at: Span) -> MistakeError:
    """Return a mistake in the text itself."""
    return MistakeError(reason, at, kind=SYNTAX)


def query_error(mistake: MistakeError, text: str) -> KqlError:
    """Return the error of the query with this text, in Azure's words where they are known."""
    code: Code = "SyntaxError" if mistake.kind == SYNTAX else "SemanticError"
    reason = mistake.reason
    if isinstance(mistake, UndefinedError):
        reason = f"Failed to resolve column or scalar expression named '{mistake.name}'"
    elif isinstance(mistake, UnknownFunctionError):
        reason = f"Unknown function: '{mistake.name}'"
    if mistake.operator:
        reason = f"'{mistake.operator}' operator: {reason}"
    return KqlError(code, reason, text, mistake.at, hint=mistake.hint)
