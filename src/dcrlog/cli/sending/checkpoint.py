"""How far a `dcrlog send` has come, in a file that outlives it."""

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from dcrlog.errors import ConfigError, shown

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two pieces of the input.

    Attributes:
        source: Which of the inputs, from 0 on.
        offset: Bytes of it, decompressed, that are behind.
        number: Lines or elements of it that are behind.
        total: Pieces of all inputs that are behind; the next row's number is one more.
        rows: Rows made of them.
        unusable: Pieces of which no row could be made.
        rejects_bytes: How long the file of rejects was.
    """

    source: int = 0
    offset: int = 0
    number: int = 0
    total: int = 0
    rows: int = 0
    unusable: int = 0
    rejects_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Up to where everything is settled.

    Attributes:
        destination: Endpoint, rule and stream.
        sources: Names of the inputs.
        input_id: The id that the rows carry.
        formats: How records stand in each input, as far as they were opened.
        fingerprints: What tells each file from another, as far as they were opened.
        position: Up to where.
    """

    destination: str
    sources: list[str]
    input_id: str
    formats: list[str] = field(default_factory=list)
    fingerprints: list[dict[str, Any] | None] = field(default_factory=list)
    position: Position = Position()

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a checkpoint; None where there is none yet.

        Raises:
            ConfigError: The file cannot be read, or is something else.
        """
        try:
            found = json.loads(path.read_bytes())
            if found.pop("version") != _VERSION:
                raise ValueError("it is of another version")
            position = Position(**found.pop("position"))
            return cls(**found, position=position)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(
                f"the checkpoint {shown(str(path))} cannot be read: {error.strerror}."
            ) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ConfigError(
                f"the file {shown(str(path))} is no checkpoint of this version of dcrlog send. Name another "
                "file, or delete this one to begin anew."
            ) from None

    def check(self, path: Path, destination: str, sources: list[str]) -> None:
        """Refuse to go on with something else.

        Raises:
            ConfigError: Destination or inputs are not those of the checkpoint.
        """
        for what, mine, given in (
            ("the destination", self.destination, destination),
            ("the files", self.sources, sources),
        ):
            if mine != given:
                raise ConfigError(
                    f"the checkpoint {shown(str(path))} is about {what} {shown(mine)}, not {shown(given)}. "
                    "Give the same again, name another checkpoint, or delete this one to begin anew."
                )

    def at(self, position: Position) -> Self:
        """Return the checkpoint further on."""
        return replace(self, position=position)

    def write(self, path: Path, *, is_synced: bool = False) -> None:
        """Replace the file, which is whole at every moment.

        Args:
            path: The file.
            is_synced: Whether it survives a loss of power, which takes milliseconds.
        """
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with beside.open("w", encoding="utf-8") as file:
            json.dump({"version": _VERSION, **asdict(self)}, file)
            if is_synced:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
