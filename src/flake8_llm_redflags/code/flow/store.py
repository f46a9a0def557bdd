"""The abstract store: things, the names that hold them, and what branches change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from ..tree import Node

State = TypeVar("State")


class Thing(Generic[State]):
    """One object of the program, known by identity: two names of one frame hold one thing.

    ``state`` is what the reading domain knows of it and is never changed in place. ``items`` are the elements of a
    tuple or list in view, ``fields`` the entries of a dict or the attributes of an instance, ``function`` what runs
    when it is called (a ``FunctionDef``, ``Lambda`` or ``ClassDef``) with ``home``, the names it sees, and
    ``constant`` the Python value of a literal.
    """

    __slots__ = ("constant", "fields", "function", "home", "is_list", "items", "owner", "state")

    def __init__(
        self,
        state: State,
        *,
        items: tuple[Thing[State], ...] | None = None,
        fields: dict[object, Thing[State]] | None = None,
        constant: object = None,
    ) -> None:
        self.state, self.items, self.fields, self.constant = state, items, fields, constant
        self.is_list = False  # a list literal, which ``append`` changes in place
        self.function: Node | None = None
        self.home: Frame[State] | None = None
        self.owner: Thing[State] | None = None  # the instance a method is bound to


class Frame(Generic[State]):
    """The names of one running function, or of the module, and the frame around it."""

    __slots__ = ("around", "globals", "left_out", "names", "parameters")

    def __init__(self, around: Frame[State] | None = None) -> None:
        self.names: dict[object, Thing[State]] = {}
        self.around = around
        self.globals: set[str] = set()
        #: What the parameters of a call hold when it begins, and those among them that no argument is given for.
        self.parameters: dict[object, Thing[State]] = {}
        self.left_out: set[str] = set()

    def given(self, name: str) -> Thing[State] | None:
        """Return what a parameter got from the call, None where the name is none or has been bound anew."""
        value = self.parameters.get(name)
        return value if value is not None and self.names.get(name) is value else None

    def find(self, name: str) -> Thing[State] | None:
        """Return what a name holds here or in a frame around."""
        frame: Frame[State] | None = self
        while frame is not None:
            if (thing := frame.names.get(name)) is not None:
                return thing
            frame = frame.around
        return None


_MISSING: Any = object()
_STATE: Any = object()  # keys under which a thing's own slots are recorded
_ITEMS: Any = object()

#: Changes of one arm: (id of the holder, key) → (holder, key, value before, value after).
Changes = dict[tuple[int, object], tuple[Any, object, Any, Any]]


class Store(Generic[State]):
    """Writes to names and things, so that the arms of a branch can be run one after the other and joined.

    Only what an arm changes is recorded and joined: a long file with many branches stays linear.
    """

    def __init__(
        self, join: Callable[[Thing[State], Thing[State]], Thing[State]], join_states: Callable[[State, State], State]
    ) -> None:
        self._join, self._join_states = join, join_states
        self._trails: list[dict[tuple[int, object], tuple[Any, object, Any]]] = []

    def bind(self, frame: Frame[State], name: str, thing: Thing[State]) -> None:
        """Let a name hold a thing; what it held before is forgotten."""
        while name in frame.globals and frame.around is not None:
            frame = frame.around
        self._set(frame.names, name, thing)

    def put(self, fields: dict[object, Thing[State]], key: object, thing: Thing[State]) -> None:
        """Set an entry of a dict or an attribute of an instance."""
        self._set(fields, key, thing)

    def write(self, thing: Thing[State], state: State) -> None:
        """Change what is known of a thing, for everyone who holds it."""
        self._set(thing, _STATE, state)

    def write_items(self, thing: Thing[State], items: tuple[Thing[State], ...] | None) -> None:
        """Change the elements of a list; None where they are no longer known."""
        self._set(thing, _ITEMS, items)

    def arm(self, run: Callable[[], None]) -> Changes:
        """Run one arm of a branch, take its changes back and return them."""
        self._trails.append({})
        run()
        changes: Changes = {}
        for key, (holder, name, before) in self._trails.pop().items():
            changes[key] = (holder, name, before, self._get(holder, name))
            self._put(holder, name, before)
        return changes

    def apply(self, arms: Iterable[Changes]) -> None:
        """Go on with what holds after any of the arms; an arm without changes stands for "nothing ran"."""
        arms = list(arms)
        for key in dict.fromkeys(key for arm in arms for key in arm):
            holder, name, before, _ = next(arm[key] for arm in arms if key in arm)
            after = [arm[key][3] if key in arm else before for arm in arms]
            self._set(holder, name, self._joined(after, name))

    def _joined(self, values: list[Any], name: object) -> Any:
        known = [value for value in values if value is not _MISSING]
        if not known:
            return _MISSING
        result = known[0]
        for value in known[1:]:
            if value is result:
                continue
            if name is _STATE:
                result = self._join_states(result, value)
            elif name is _ITEMS:
                result = self._joined_items(result, value)
            else:
                result = self._join(result, value)
        return result

    def _joined_items(self, one: Any, other: Any) -> Any:
        if one is None or other is None or len(one) != len(other):
            return None
        return tuple(a if a is b else self._join(a, b) for a, b in zip(one, other, strict=True))

    def _set(self, holder: Any, name: object, value: Any) -> None:
        if self._trails:
            self._trails[-1].setdefault((id(holder), name), (holder, name, self._get(holder, name)))
        self._put(holder, name, value)

    @staticmethod
    def _get(holder: Any, name: object) -> Any:
        if name is _STATE:
            return holder.state
        return holder.items if name is _ITEMS else holder.get(name, _MISSING)

    @staticmethod
    def _put(holder: Any, name: object, value: Any) -> None:
        if name is _STATE:
            holder.state = value
        elif name is _ITEMS:
            holder.items = value
        elif value is _MISSING:
            holder.pop(name, None)
        else:
            holder[name] = value
