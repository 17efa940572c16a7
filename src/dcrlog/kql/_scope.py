"""What names mean at a place in the text."""

import difflib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace

from dcrlog.kql import _tree as tree
from dcrlog.kql._typed import Typed
from dcrlog.kql.errors import MistakeError, Span, UndefinedError


@dataclass(frozen=True, slots=True)
class Table:
    """A table that a let statement names.

    Attributes:
        pipeline: Where its rows come from.
        scope: What names mean there.
    """

    pipeline: tree.Pipeline
    scope: "Scope"


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function that a let statement defines.

    Attributes:
        definition: Its parameters and body.
        scope: What names mean there.
    """

    definition: tree.Lambda
    scope: "Scope"


Meaning = Typed | Table | UserFunction


@dataclass(slots=True)
class Notes:
    """What is told of a transformation beside its result.

    Attributes:
        strict: Whether to refuse what Azure refuses.
        warnings: What was let pass, or is carried out in another way here.
    """

    strict: bool
    warnings: list[MistakeError] = field(default_factory=list)
    _work: int = 0

    def warn(self, reason: str, at: Span, hint: str = "") -> None:
        """Add a warning."""
        self.warnings.append(MistakeError(reason, at, hint=hint))

    def refused(self, reason: str, at: Span, *, hint: str = "", is_sure: bool = True) -> None:
        """Take note of what Azure refuses, or, where that is not sure, does not list.

        Raises:
            MistakeError: In strict mode.
        """
        if self.strict:
            raise MistakeError(reason, at, hint=hint)
        told = "Azure would refuse this" if is_sure else "Azure does not list this, and may refuse it"
        self.warn(f"{told}: {reason}", at, hint)

    def count(self, at: Span) -> None:
        """Count a node: functions that call functions may expand to any size.

        Raises:
            MistakeError: There are too many.
        """
        self._work += 1
        if self._work > 50_000:
            raise too_large(at)


def too_large(at: Span) -> MistakeError:
    """Return the mistake of a text that expands to too much."""
    return MistakeError("it is too large when its functions are expanded", at)


@dataclass(frozen=True, slots=True)
class Scope:
    """Names and their meanings; a column hides a let statement of the same name.

    Attributes:
        columns: The columns of the input.
        lets: What let statements name.
        notes: Takes what is told beside the result.
        special: Makes the expressions of nodes that mean more in a query than in a transformation; None for
            all others.
        tables: The tables that there are.
    """

    columns: Mapping[str, Typed]
    lets: Mapping[str, Meaning]
    notes: Notes
    special: Callable[[tree.Node, "Scope"], Typed | None] | None = None
    tables: Container[str] = ("source",)

    def with_columns(self, columns: Mapping[str, Typed]) -> "Scope":
        """Return the scope of an operator whose input has these columns."""
        return replace(self, columns=columns)

    def with_lets(self, lets: Mapping[str, Meaning]) -> "Scope":
        """Return a scope with more names; they hide those that are there."""
        return replace(self, lets={**self.lets, **lets})

    def find(self, name: str, at: Span) -> Typed:
        """Return what a name stands for in an expression.

        Raises:
            MistakeError: Nothing, or a table or function.
        """
        found = self.columns.get(name) or self.lets.get(name)
        if isinstance(found, Typed):
            return found
        if found is not None:
            raise MistakeError(f"'{name}' is no value: it names a table or a function.", at)
        raise undefined_symbol(name, [*self.columns, *self.lets], at)


def undefined_symbol(name: str, known: list[str], at: Span) -> UndefinedError:
    """Return the mistake of an unknown name."""
    return UndefinedError(name, at, hint=resembling(name, known))


def resembling(name: str, known: list[str]) -> str:
    """Return a hint at a known name that resembles an unknown one; empty where none does."""
    close = [each for each in known if each.lower() == name.lower()] or difflib.get_close_matches(
        name[:100], known[:500], 1
    )
    return f"Did you mean '{close[0]}'?" if close else ""
