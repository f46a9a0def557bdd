"""What is remembered: finished rounds and ratings, in SQLite. The log of ratings is the truth; cards are replayed from it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

#: Steps from each version of the schema to the next; their number is ``PRAGMA user_version``.
_MIGRATIONS = (
    """
    CREATE TABLE round (
        id INTEGER PRIMARY KEY, code TEXT NOT NULL, level TEXT NOT NULL, started TEXT NOT NULL, submitted TEXT NOT NULL,
        limit_s INTEGER NOT NULL, score REAL NOT NULL, review TEXT NOT NULL, UNIQUE (code, started)
    );
    CREATE TABLE rating (
        concept TEXT NOT NULL, family TEXT NOT NULL, severity TEXT NOT NULL, at TEXT NOT NULL, rating INTEGER NOT NULL, round TEXT NOT NULL,
        UNIQUE (concept, at, round)
    );
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    """,
)
_TABLES = {
    "round": ("code", "level", "started", "submitted", "limit_s", "score", "review"),
    "rating": ("concept", "family", "severity", "at", "rating", "round"),
    "setting": ("name", "value"),
}


class StoreError(ValueError):
    """The memory cannot be opened, read or written; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class Rated:
    """How well a concept was known in a round: 1 again, 2 hard, 3 good, 4 easy."""

    concept: str
    family: str
    severity: str
    at: datetime
    rating: int
    round: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A round that was graded; ``review`` is its review as JSON has it."""

    code: str
    level: str
    started: datetime
    submitted: datetime
    limit_s: int
    score: float
    review: dict[str, Any]


def home() -> Path:
    """Return the folder of all state: ``REDFLAGS_HOME``, else the platform's folder for user data."""
    if found := os.environ.get("REDFLAGS_HOME"):
        return Path(found)
    import platformdirs

    return platformdirs.user_data_path("redflags")


class Store:
    """The memory of one user. Several processes may use it at once; each change is one transaction."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._connected() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(_MIGRATIONS):
                raise StoreError(f"{path}: was written by a newer redflags: update this one")
            if version < len(_MIGRATIONS):
                self._migrate(connection)

    def finish(self, finished: Finished, ratings: list[Rated]) -> None:
        """Remember a round and its ratings, in place of what was remembered of the same round."""
        with self._connected() as connection:
            self._insert(connection, "round", _as_row(finished), "REPLACE")
            for rated in ratings:
                self._insert(connection, "rating", _as_row(rated), "REPLACE")

    def ratings(self) -> list[Rated]:
        """Return all ratings, oldest first."""
        return [Rated(*row[:3], datetime.fromisoformat(row[3]), *row[4:]) for row in self._rows("rating", "at, rowid")]

    def rounds(self) -> list[Finished]:
        """Return all finished rounds, oldest first."""
        return [
            Finished(
                row[0],
                row[1],
                datetime.fromisoformat(row[2]),
                datetime.fromisoformat(row[3]),
                row[4],
                row[5],
                json.loads(row[6]),
            )
            for row in self._rows("round", "submitted, rowid")
        ]

    def setting(self, name: str) -> str | None:
        """Return a setting."""
        with self._connected() as connection:
            row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return row[0] if row is not None else None

    def set(self, name: str, value: str) -> None:
        """Change a setting."""
        with self._connected() as connection:
            connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def exported(self) -> Iterator[str]:
        """Yield everything as JSON lines."""
        for table, columns in _TABLES.items():
            for row in self._rows(table, "rowid"):
                yield json.dumps({"table": table, **dict(zip(columns, row, strict=True))}, ensure_ascii=False)

    def take_in(self, lines: list[str]) -> int:
        """Add what was exported elsewhere, and return how many lines were new. All of them or, at an error, none."""
        with self._connected() as connection:
            before = connection.total_changes
            for number, line in enumerate(filter(str.strip, lines), 1):
                try:
                    told = json.loads(line)
                    columns = _TABLES[told["table"]]
                    self._insert(connection, told["table"], tuple(told[column] for column in columns))
                except (ValueError, KeyError, TypeError, sqlite3.Error) as error:
                    raise StoreError(
                        f"line {number}: is no line of an export ({error}); nothing was imported"
                    ) from error
            return connection.total_changes - before

    def reset(self) -> None:
        """Forget everything."""
        with self._connected() as connection:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")

    def _rows(self, table: str, order: str) -> list[tuple[Any, ...]]:
        columns = ", ".join(_TABLES[table])
        with self._connected() as connection:
            return connection.execute(f"SELECT {columns} FROM {table} ORDER BY {order}").fetchall()

    @staticmethod
    def _insert(connection: sqlite3.Connection, table: str, row: tuple[Any, ...], known: str = "IGNORE") -> None:
        columns = _TABLES[table]
        places = ", ".join("?" * len(columns))
        connection.execute(f"INSERT OR {known} INTO {table} ({', '.join(columns)}) VALUES ({places})", row)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")  # another process may be at it
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        for step in _MIGRATIONS[version:]:
            for statement in filter(str.strip, step.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=30)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{self._path}: cannot be opened: {error}; REDFLAGS_HOME names another folder") from error
        try:
            with connection:
                yield connection
        except sqlite3.DatabaseError as error:
            passes = any(word in str(error) for word in ("full", "locked", "readonly"))
            remedy = "nothing was changed: mend that, then do the same again"
            told = remedy if passes else "move the file away, then import your last export"
            raise StoreError(f"{self._path}: {error}; {told}") from error
        finally:
            connection.close()


def _as_row(told: Finished | Rated) -> tuple[Any, ...]:
    values = [getattr(told, name) for name in told.__slots__]
    return tuple(
        value.isoformat() if isinstance(value, datetime) else json.dumps(value) if isinstance(value, dict) else value
        for value in values
    )
