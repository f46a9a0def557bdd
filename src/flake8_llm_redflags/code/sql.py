"""SQL in a program: which texts are SQL, where their values go, and whether those are provably harmless."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..knowledge import pattern, table, words
from .constants import as_text
from .names import Binding, last_name
from .strings import Hole, Part
from .tree import Node

if TYPE_CHECKING:
    from .program import Code

#: What a hole stands for: a value, a whole condition, what rows are ordered by, or a name.
Slot = Literal["value", "clause", "order", "identifier"]

#: Stands for a hole in a text.
_HOLE = "\0"
_NUMBER = (cst.Integer, cst.Float)
#: How deep the making of a value is followed.
_DEPTH = 8

_STATEMENT = re.compile(
    r"\s*(?:\(\s*)?(?:/\*.*?\*/\s*|--[^\n]*\n\s*)*(?:EXPLAIN\s+(?:ANALYZE\s+)?)?(?:"
    r"WITH\b.{0,4000}?\b(?:SELECT|INSERT|UPDATE|DELETE)\b|SELECT\b.{0,6000}?\bFROM\b|SELECT\s+\*|INSERT\s+(?:OR\s+\w+\s+)?INTO\s"
    r"|REPLACE\s+INTO\s|UPDATE\s+\S+\s+SET\b|DELETE\s+FROM\b|MERGE\s+INTO\b|COPY\s+\S+\s+(?:FROM|TO)\b|(?:CALL|SELECT)\s+[\w.]+\("
    r"|SET\s+@\w+\s*:?=|SHOW\s+(?:\w+\s+){1,4}LIKE\s+'|EXEC(?:UTE)?\s+[\w.\[\]]+\s+(?:@\w+\s*=\s*)?['\0]"
    r"|(?:CREATE|DROP|ALTER|TRUNCATE)\s+(?:OR\s+REPLACE\s+)?(?:TEMP(?:ORARY)?\s+|UNIQUE\s+)?"
    r"(?:TABLE|INDEX|VIEW|DATABASE|SCHEMA|USER|ROLE|TRIGGER|FUNCTION|EXTENSION)\b)",
    re.IGNORECASE | re.DOTALL,
)
_SYNTAX = re.compile(
    rf"\bFROM\s+[\w{_HOLE}`'\"\[(]|\bINTO\s+[\w{_HOLE}`\"\[]|\bSET\s+[\w{_HOLE}`\"\[.]+\s*=|\bVALUES\s*[({_HOLE}]|\bTABLE\b"
    # A procedure or function that is called; `CALL … YIELD` and `CALL … RETURN` are of graph databases.
    r"|^\s*(?:SET\s+@|SHOW\s|EXEC(?:UTE)?\s)|\bIDENTIFIED\s+BY\b"
    r"|^\s*SELECT\s+[\w.]+\(|^\s*CALL\s+\w+\((?!.*\b(?:YIELD|RETURN)\b)",
    re.IGNORECASE | re.DOTALL,
)
_ENGLISH = re.compile(
    r"\b(?:the|please|valid|your|following|conversation|message|must be|available|choose|you are|options?:|list below|dropdown)\b",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"(?:[=<>]|!=|<>|\b(?:LIKE|ILIKE|IN\s*\(?|BETWEEN|LIMIT|OFFSET|TOP|INTERVAL|ARRAY|VALUES\s*\()|\bBETWEEN\s+\S+\s+AND|\|\|)\s*\(?\s*$"
    # `= lower({value})`, `SET total = total + {value}`
    r"|[=<>]\s*(?:\w+\(|[\w.]+\s*[-+*/])\s*$",
    re.IGNORECASE,
)
_IN_LIST = re.compile(
    r"\b(?:VALUES|IN)\s*\((?:[^()]|\([^()]*\))*[(,]?\s*$|\bVALUES\s*\((?:[^()]|\([^()]*\))*\)\s*,\s*\([^()]*$",
    re.IGNORECASE,
)
#: An order takes any expression, a subquery too, and it is mostly a caller who chooses it.
_ORDER = re.compile(r"\bORDER\s+BY\s+(?:(?!\b(?:LIMIT|OFFSET|ROWS|FOR)\b)[^()'\"`])*$", re.IGNORECASE)
#: A whole condition, or whole rows.
_CLAUSE = re.compile(r"(?:(?:\bWHERE|\bAND|\bOR|\bHAVING|\bNOT|\bSET)\s*\(?|\bVALUES)\s*$", re.IGNORECASE)
#: What stands behind a column that is compared: `WHERE {column} = 1`.
_COMPARED = re.compile(r'["`\]]?\s*(?:[=<>!~]|(?:NOT\s+)?(?:IN|LIKE|ILIKE|BETWEEN)\b|IS\b)', re.IGNORECASE)
#: The column behind the column that it is assigned to: `SET {column} = {column} + 1`.
_ASSIGNED = re.compile(rf"{_HOLE}[\"`\]]?\s*=\s*[\"`\[]?$")
#: What stands behind a column that a bound value is given to.
_BOUND = re.compile(r"[\"`\]]?\s*=\s*(?:\?|%s|%\(\w+\)s|:\w|\$\d)")
#: The beginning of a placeholder: `:name_{number}`, `%({name})s`, `${number}`; no cast (`::{type}`).
_PLACEHOLDER = re.compile(rf"(?:(?<!:):|@|\$|%\()[\w{_HOLE}]*$")
#: A mark that `%` fills and `format` does not.
_PERCENT_MARK = re.compile(r"%(?:\(\w+\))?[sd]")
#: A text in SQL, and what begins with code of its own between `$$`.
_STRING = re.compile(r"'[^']*'")
_CODE = re.compile(r"\s*(?:CREATE|ALTER|DO)\b", re.IGNORECASE)
#: A column of one table that another's is compared with: `ON "a"."id" = `.
_JOINED_ON = re.compile(r"\bON\b(?:(?!\bWHERE\b)[^=])*=\s*$", re.IGNORECASE)
#: Quotes around a table's name: `FROM '{table}'`, which is no string, but for DuckDB's `FROM '{path}'`.
_QUOTED_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|EXISTS)\s+'[^']*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Splice:
    """A value put into SQL text: the text, the hole, the kind of place, and the call that runs the text, if any.

    ``is_outsiders``: the value comes from outside the program as it stands, so that even in the place of a table's name it
    is no choice of the program's own.
    """

    text: Node
    hole: Hole
    slot: Slot
    sink: cst.Call | None
    holder: cst.Name | None  #: the name that carries the text to the sink
    parts: list[Part]
    is_outsiders: bool = False


class Sql:
    """Finds the SQL texts of one file."""

    def __init__(self, code: Code) -> None:
        self._code, self._tree = code, code.tree

    def splices(self) -> Iterator[Splice]:
        """Yield, for each SQL text that the file puts together, its first unproven value in each kind of place."""
        for text, parts in self._code.strings.assembled():
            before = self._code.strings.before(text)
            whole = "".join(part if isinstance(part, str) else _HOLE for part in (*before, *parts))
            if not _STATEMENT.match(whole) or not _SYNTAX.search(whole):
                yield from self._in_fragment(text, parts)
                continue
            if self._is_only_shown(text):
                continue
            sink, holder = self._sink(text)
            if sink is None and _ENGLISH.search(whole):
                continue
            unproven: dict[Slot, Hole] = {}
            for hole, slot in slots(before, parts):
                if slot == "order" and not self._is_handed_in(hole.node):
                    slot = "identifier"
                if slot == "clause" and sink is not None and self._binds_values(sink, holder or text):
                    continue  # so it is a condition made for them
                if slot not in unproven and not hole.is_number and not self.is_safe(hole.node):
                    unproven[slot] = hole
            for slot in ("value", "clause", "order", "identifier"):
                if slot in unproven:
                    hole = unproven[slot]
                    is_outsiders = slot == "identifier" and sink is not None and self._is_outsiders(hole.node)
                    yield Splice(text, hole, slot, sink, holder, parts, is_outsiders)

    def unfilled(self) -> Iterator[tuple[cst.Call, cst.Call, cst.Name | None]]:
        """Yield ``"… = %s".format(value)``, which fills nothing, with the call that runs it without values, and what carries it."""
        for call in self._code.calls("format"):
            if not call.args or not isinstance(call.func, cst.Attribute):
                continue
            template = self._code.strings.parts(call.func.value) or []
            text = "".join(part if isinstance(part, str) else "{}" for part in template)
            if "{" in text or not _PERCENT_MARK.search(text) or not _STATEMENT.match(text):
                continue
            sink, holder = self._sink(call)
            if sink is not None and len(sink.args) == 1:
                yield call, sink, holder

    def _in_fragment(self, text: Node, parts: list[Part]) -> Iterator[Splice]:
        """Yield the first unproven value of a piece of a statement: ``text(f"name = '{name}'")``."""
        taker, holder = self._fragment_taker(text), None
        if taker is None:
            taker, holder = self._sink(text)
            if taker is None or not self._takes_fragments(taker):
                return
        for hole, slot in slots([], parts):
            if hole.is_number or self.is_safe(hole.node):
                continue
            is_outsiders = slot != "value" and self._is_outsiders(hole.node)
            if slot == "value" or is_outsiders:
                yield Splice(text, hole, slot, taker, holder, parts, is_outsiders)
                return

    def _fragment_taker(self, node: Node) -> cst.Call | None:
        """Return the call that takes the text as a piece of a statement: SQLAlchemy's ``text``, Django's ``extra(where=[…])``."""
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.Arg) and above.keyword is not None:
                if above.keyword.value not in table("sql")["fragments"]["keywords"]:
                    return None
            if isinstance(above, cst.Call):
                return above if self._takes_fragments(above) else None
            if not isinstance(above, (cst.Arg, cst.Element, cst.List, cst.Tuple)):
                return None
        return None

    def _takes_fragments(self, call: cst.Call) -> bool:
        facts = table("sql")["fragments"]
        return self._code.qualified_name(call.func) in facts["functions"] or last_name(call.func) in facts["methods"]

    def runs(self, name: cst.Name) -> int:
        """Return how many calls in the function around a name run what a name of that spelling holds."""
        function = self._code.context.function(name)
        return sum(self._code.context.function(other) is function for other in self._names_run.get(name.value, ()))

    # ---- where the text goes

    def _is_only_shown(self, node: Node) -> bool:
        """Does the text go into an exception, a log line, a print or a search?"""
        quiet = table("sql")["quiet_calls"]["names"]
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.Raise):
                return True
            if isinstance(above, cst.Call) and (last_name(above.func) in quiet or self._is_of_patterns(above)):
                return True
            if isinstance(above, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
                return isinstance(above, cst.Assert)
        return False

    def _is_of_patterns(self, call: cst.Call) -> bool:
        """Does the call look for a regular expression, which may be one of SQL?"""
        return (self._code.qualified_name(call.func) or "").startswith("re.")

    def _sink(self, text: Node) -> tuple[cst.Call | None, cst.Name | None]:
        """Return the call that runs the text, and the name that carries it there."""
        direct = self._sink_around(text)
        if direct is not None:
            return direct, None
        statement = self._code.context.statement(text)
        end = self._tree.end(self._code.context.function(text) or self._tree.module)
        run_later = []
        for name in _targets(statement):
            run = self._names_run.get(name, [])
            later = bisect_right(run, self._tree.start(statement), key=self._tree.start)
            run_later += run[later : later + 1]
        holder = min(run_later, key=self._tree.start, default=None)
        if holder is None or self._tree.start(holder) >= end:
            return None, None
        return self._sink_around(holder), holder

    def _binds_values(self, sink: cst.Call, carried: Node) -> bool:
        """Does a call that runs SQL take values, too? They stand behind the text, pandas' behind the connection."""
        around = {id(carried), *(id(above) for above in self._tree.ancestors(carried))}
        place = next((number for number, arg in enumerate(sink.args) if id(arg) in around), 0)
        settings = words("sql", "sinks", "settings")
        behind = [arg for arg in sink.args[place + 1 :] if arg.keyword is None or arg.keyword.value not in settings]
        return len(behind) > (last_name(sink.func) or "").startswith("read_")

    @cached_property
    def _names_run(self) -> dict[str, list[cst.Name]]:
        """The names that stand among the arguments of a call that runs SQL, in the order of the text."""
        found: dict[str, list[cst.Name]] = {}
        for argument in self._tree.all(cst.Arg):
            name = argument.value
            if isinstance(name, cst.Name) and self._sink_around(name) is not None:
                found.setdefault(name.value, []).append(name)
        return found

    def _sink_around(self, node: Node) -> cst.Call | None:
        child = node
        for above in self._tree.ancestors(node):
            if isinstance(above, cst.Call) and child is not above.func and self._runs_sql(above):
                return above
            if not isinstance(above, (cst.Arg, cst.Call, cst.Await)):
                return None
            child = above
        return None

    def _runs_sql(self, call: cst.Call) -> bool:
        return _runs_sql(last_name(call.func)) and self._code.qualified_name(call.func) != "subprocess.run"

    # ---- what may be spliced

    def _is_handed_in(self, node: Node) -> bool:
        """Does the caller of the function choose the value, rather than something that this file makes?"""
        return isinstance(node, cst.Name) and all(b.kind == "param" for b in self._code.values.given_by(node))

    def _is_outsiders(self, node: Node) -> bool:
        """Does the value come from a request, a terminal or a model, or does only its name say that a user gives it?"""
        if self._code.taint.untrusted(node) is not None or self._code.taint.model_text(node) is not None:
            return True
        name, outsiders = last_name(node), pattern("sql", "outsiders", "names")
        return name is not None and outsiders.match(name) is not None and not self._code.values.is_known(node)

    def is_safe(self, node: Node, depth: int = _DEPTH) -> bool:
        """Can no value of this expression change the statement around it, as far as the file shows?"""
        if depth == 0:
            return False
        if isinstance(node, (cst.Integer, cst.Float, cst.Comparison, cst.SimpleString, cst.Imaginary)):
            return True
        if isinstance(node, (cst.FormattedString, cst.ConcatenatedString)):
            parts = self._code.strings.parts(node, 0) or ()
            return all(
                isinstance(part, str)
                or part.is_number
                # `{column} = ?`
                or (isinstance(behind, str) and _BOUND.match(behind) and not self._is_outsiders(part.node))
                or self.is_safe(part.node, depth - 1)
                for part, behind in zip_longest(parts, parts[1:])
            )
        if isinstance(node, cst.BinaryOperation):
            return self._is_safe_operation(node, depth)
        if isinstance(node, (cst.IfExp, cst.BooleanOperation)):
            arms = (node.body, node.orelse) if isinstance(node, cst.IfExp) else (node.left, node.right)
            return all(self.is_safe(arm, depth - 1) for arm in arms)
        if isinstance(node, (cst.List, cst.Tuple, cst.Set)):
            return all(self.is_safe(element.value, depth - 1) for element in node.elements)
        if isinstance(node, cst.Dict):
            return all(self.is_safe(element.value, depth - 1) for element in node.elements)
        if isinstance(node, (cst.ListComp, cst.GeneratorExp, cst.SetComp)):
            return self.is_safe(node.elt, depth - 1)
        if isinstance(node, (cst.Await, cst.UnaryOperation)):
            return self.is_safe(node.expression, depth - 1)
        if isinstance(node, cst.Call):
            return self._is_safe_call(node, depth)
        if isinstance(node, cst.Subscript):
            return self.is_safe(node.value, depth - 1)
        if isinstance(node, cst.Attribute):
            return self._is_safe_attribute(node, depth)
        return isinstance(node, cst.Name) and self._is_safe_name(node, depth)

    def _is_safe_operation(self, node: cst.BinaryOperation, depth: int) -> bool:
        left, right = self.is_safe(node.left, depth - 1), self.is_safe(node.right, depth - 1)
        if isinstance(node.operator, cst.Multiply):  # `"?, " * len(ids)`: the text, or the number
            return left or right
        if isinstance(node.operator, (cst.Add, cst.Modulo)):
            one_is_number = self._is_number(node.left) or self._is_number(node.right)
            is_sum = isinstance(node.operator, cst.Add) and one_is_number  # `limit + 1` is a number, or no sum at all
            return (left and right) or is_sum
        return True  # arithmetic

    def _is_number(self, node: Node) -> bool:
        if isinstance(node, cst.Name):
            given = self._code.values.given_by(node)
            return bool(given) and all(
                b.kind == "assign"
                and b.value is not None
                and not isinstance(b.value, cst.Name)
                and self._is_number(b.value)
                for b in given
            )
        return isinstance(node, _NUMBER) or (
            isinstance(node, cst.Call)
            and isinstance(node.func, cst.Name)
            and node.func.value in words("sql", "numbers")
        )

    def _is_safe_call(self, call: cst.Call, depth: int) -> bool:
        name = last_name(call.func)
        if name is None:
            return False
        if name in words("sql", "safe_calls") or any(
            part in name.lower() for part in table("sql")["safe_calls"]["name_parts"]
        ):
            return True
        if self._is_filter(call) or _doubles_quotes(call):
            return True
        facts = table("sql")["transparent_methods"]
        if name == "join" and call.args:
            return self.is_safe(call.args[0].value, depth - 1)
        if name in ("max", "min") and any(self._is_number(arg.value) for arg in call.args):
            return True  # nothing but a number compares with one
        if isinstance(call.func, cst.Attribute) and name in facts["names"]:
            given = [arg.value for arg in call.args] if name in ("format", "replace") else []
            return all(self.is_safe(part, depth - 1) for part in (call.func.value, *given))
        if isinstance(call.func, cst.Attribute) and name == "get":  # a look-up in a table of the program's own
            return self._is_constant(call.func.value) and self.is_safe(call.func.value, depth - 1)
        if name == "map" and len(call.args) == 2:  # `map(str, ids)`, `map(int, ids)`
            made, of = call.args[0].value, call.args[1].value
            return last_name(made) in words("sql", "safe_calls") or (
                last_name(made) in facts["functions"] and self.is_safe(of, depth - 1)
            )
        if name in facts["functions"] and call.args:
            return all(self.is_safe(arg.value, depth - 1) for arg in call.args)
        function = self._code.context.called_function(call)
        if function is not None and function.returns is not None:
            if self._is_safe_annotation(function.returns.annotation):
                return True
        returned = self._code.context.returned_values(function) if function is not None else []
        return bool(returned) and all(self.is_safe(value, depth - 2) for value in returned if depth > 2)

    def _is_filter(self, call: cst.Call) -> bool:
        """Does the call take out all signs but some, quotes not among them: ``re.sub("[^a-z]", "", text)``?"""
        if self._code.qualified_name(call.func) != "re.sub" or len(call.args) < 3:
            return False
        kept, instead = as_text(call.args[0].value) or "", as_text(call.args[1].value)
        return (
            kept.startswith("[^")
            and not {"'", '"', "\\S", "\\W"} & set(re.findall(r"\\.|.", kept))
            and instead in ("", "_")
        )

    def _is_constant(self, node: Node) -> bool:
        return all(origin.kind == "literal" for origin in self._code.values.origins(node))

    def _is_safe_attribute(self, node: cst.Attribute, depth: int) -> bool:
        if node.attr.value.isupper() or node.attr.value in self._number_options:
            return True
        origins = self._code.values.origins(node)
        if all(o.kind == "literal" or (o.kind == "annotation" and _is_safe_type(o.name)) for o in origins):
            return all(o.kind != "literal" or self.is_safe(o.node, depth - 1) for o in origins)
        # What an object of the file's own keeps was put there by its author's code: its own rule where it was read.
        return self._is_own(node.value) or (
            node.attr.value in ("value", "name")
            and any(self._is_enum(o.node) for o in self._code.values.origins(node.value))
        )

    @cached_property
    def _number_options(self) -> frozenset[str]:
        """Attributes of argparse options whose type cannot hold a quote: ``add_argument("--days", type=int)``."""
        options = set()
        for call in self._code.calls("add_argument"):
            typed = [arg.value for arg in call.args if arg.keyword is not None and arg.keyword.value == "type"]
            if typed and _is_safe_type(last_name(typed[0])):
                names = [as_text(arg.value) or "" for arg in call.args if arg.keyword is None]
                options |= {name.lstrip("-").replace("-", "_") for name in names}
        return frozenset(options)

    def _is_own(self, node: Node) -> bool:
        """Is this the object itself, or the settings that it keeps: ``self.config``?"""
        if isinstance(node, cst.Attribute) and node.attr.value in words("sql", "own_settings"):
            return self._is_own(node.value)
        return isinstance(node, cst.Name) and node.value in ("self", "cls")

    def _is_enum(self, node: Node) -> bool:
        return isinstance(node, cst.ClassDef) and any("Enum" in base for base in self._code.context.base_names(node))

    def _is_safe_name(self, node: cst.Name, depth: int) -> bool:
        if node.value.isupper() or node.value in ("True", "False", "None") or self._is_checked(node):
            return True
        definitions = self._code.values.given_by(node)
        return bool(definitions) and all(self._is_safe_binding(binding, depth - 1) for binding in definitions)

    def _is_safe_binding(self, binding: Binding, depth: int) -> bool:
        node = binding.node
        if binding.kind == "param":
            assert isinstance(node, cst.Param)
            if node.annotation is None:  # `days=30`: what stands there otherwise is a number, too
                return isinstance(node.default, _NUMBER)
            return self._is_safe_annotation(node.annotation.annotation)
        if binding.kind in ("import", "def", "class", "except", "with", "match") or binding.value is None:
            return binding.kind == "import" and binding.name.isupper()
        if isinstance(binding.value, cst.List) and not self._pieces_are_safe(binding, depth):
            return False
        return self.is_safe(binding.value, depth)

    def _pieces_are_safe(self, binding: Binding, depth: int) -> bool:
        """Is everything that the scope appends to a list safe?"""
        return all(self.is_safe(piece, depth - 1) for piece in self._code.values.added_to(binding))

    def _is_safe_annotation(self, annotation: Node) -> bool:
        if isinstance(annotation, cst.Subscript) and last_name(annotation.value) in words(
            "sql", "safe_types", "of_many"
        ):
            inner = [e.slice.value for e in annotation.slice if isinstance(e.slice, cst.Index)]
            return bool(inner) and all(isinstance(i, cst.Ellipsis) or self._is_safe_annotation(i) for i in inner)
        names = list(self._code.values.annotated_classes(annotation))
        return bool(names) and all(
            _is_safe_type(name or last_name(place)) or any(self._is_enum(b.node) for b in self._bindings(place))
            for name, place in names
        )

    def _bindings(self, place: Node) -> Iterator[Binding]:
        if isinstance(place, cst.Name):
            yield from self._code.names.bindings(place.value, place)

    def _is_checked(self, node: cst.Name) -> bool:
        """Is the name tested against a collection, or for equality, in the same function?"""
        return any(isinstance(test.operator, (cst.In, cst.NotIn, cst.Equal)) for test in self._code.context.tests(node))


def slots(before: list[Part], parts: list[Part]) -> Iterator[tuple[Hole, Slot]]:
    """Yield each hole with the kind of place that the text in front of it makes; none that is in a placeholder's name."""
    text = "".join(part if isinstance(part, str) else _HOLE for part in before)
    column: Node | None = None
    for number, part in enumerate(parts):
        if isinstance(part, str):
            text += part
            continue
        if _PLACEHOLDER.search(text[-100:]) and not _in_quotes(text):
            text += _HOLE
            continue
        behind = parts[number + 1] if number + 1 < len(parts) else ""
        is_table = "table" in (last_name(part.node) or "").lower() and _QUOTED_TABLE.search(text[-400:])
        is_same = column is not None and _ASSIGNED.search(text[-40:]) and column.deep_equals(part.node)
        column = part.node
        yield part, "identifier" if is_table or is_same else _slot(text, behind if isinstance(behind, str) else "")
        text += _HOLE


def _in_quotes(text: str) -> bool:
    return text.replace("''", "").count("'") % 2 == 1


def _in_dollars(text: str) -> bool:
    """Is the place in a text between ``$$``, and not in the body of a function, which is SQL itself?"""
    return text.count("$$") % 2 == 1 and not _CODE.match(text)


def _in_double_quotes(text: str, behind: str) -> bool:
    """Is the place in double quotes where a value stands? MySQL, SQLite and BigQuery take it for a text, not for a name."""
    if behind.startswith(('".', '"(')) or _STRING.sub("", text).count('"') % 2 == 0:
        return False
    tail = text[: text.rindex('"')][-400:]
    return not _JOINED_ON.search(tail) and (_VALUE.search(tail) or _IN_LIST.search(tail)) is not None


def _slot(text: str, behind: str) -> Slot:
    if _in_quotes(text) or _in_dollars(text) or _in_double_quotes(text, behind):
        return "value"
    tail = text[-400:]
    if _VALUE.search(tail) or _IN_LIST.search(tail):
        return "value"
    if _ORDER.search(tail):
        return "order"
    return "clause" if _CLAUSE.search(tail) and not _COMPARED.match(behind) else "identifier"


def _doubles_quotes(call: cst.Call) -> bool:
    """Is this ``text.replace("'", "''")``, which is how SQL itself escapes a quote?"""
    texts = [as_text(arg.value) for arg in call.args]
    return last_name(call.func) == "replace" and texts in (["'", "''"], ['"', '""'])


def _runs_sql(name: str | None) -> bool:
    if name is None:
        return False
    return name in words("sql", "sinks") or pattern("sql", "sinks", "wrappers").fullmatch(name) is not None


def _targets(statement: Node) -> set[str]:
    if isinstance(statement, cst.Assign):
        return {t.target.value for t in statement.targets if isinstance(t.target, cst.Name)}
    if isinstance(statement, (cst.AnnAssign, cst.AugAssign)) and isinstance(statement.target, cst.Name):
        return {statement.target.value}
    return set()


def _is_safe_type(name: str | None) -> bool:
    return name is not None and name.rpartition(".")[2] in words("sql", "safe_types")
