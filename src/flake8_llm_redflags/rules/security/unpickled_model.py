"""LRF141: a model loaded from a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import pattern, table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class UnpickledModel(Rule):
    """A model from a pickle, or from joblib, dill or cloudpickle, which are pickles: loading it runs what its author wrote."""

    code = "LRF141"
    name = "unpickled-model"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        words=(
            ("pickle", "_pickle", "cPickle", "joblib", "dill", "cloudpickle", "jsonpickle", "marshal", "read_pickle", "allow_pickle",
             "safe_mode", "allow_dangerous_deserialization"),
            ("joblib", "allow_pickle", "sklearn", "torch", "keras", "xgboost", "lightgbm", "model", "models", "clf", "classifier", "scaler",
             "vectorizer", "pipeline", "encoder", "weights", "checkpoint", "flask", "django", "fastapi", "requests", "request", "FAISS"),
        ),
        pattern=r"(?:[pP]ickle|joblib|dill|marshal)\.loads?\s*\(|from (?:pickle|joblib|dill|cloudpickle)\b|jsonpickle\.decode|read_pickle"
        r"|safe_mode|allow_pickle|allow_dangerous_deserialization",
    )  # fmt: skip

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each load of a model that the file did not write itself."""
        facts = table("loading")
        pickles = facts["pickles"]
        for call in code.calls(*pickles["methods"]):
            loader = _called(code, call)
            for switch in facts["switches"]["arguments"]:
                if loader.rpartition(".")[2] == switch["callee"] and _has(call, switch["name"], switch["value"]):
                    message = (
                        f"`{switch['name']}={switch['value']}` runs whatever code is in the file: load it only from where nobody else"
                        " can write"
                    )
                    yield self.finding(code, call, message)
            if loader == "numpy.load" and not _has(call, "allow_pickle", "True"):
                continue
            if loader in pickles["model_loaders"] or loader in pickles["loaders"]:
                is_danger = self._is_from_outside(code, call) or (
                    self._is_model(code, call, loader) and not self._is_own(code, call)
                )
            else:
                is_danger = loader in pickles["data_loaders"] and self._is_from_outside(code, call)
            if is_danger:
                message = (
                    f"`{code.short_text(call.func, 30)}` runs whatever code is pickled there: load it only from where nobody else"
                    " can write, or use skops, ONNX or safetensors"
                )
                yield self.finding(code, call, message)

    @staticmethod
    def _is_from_outside(code: Code, call: cst.Call) -> bool:
        return bool(call.args) and code.taint.untrusted(call.args[0].value) is not None

    @staticmethod
    def _is_model(code: Code, call: cst.Call, loader: str) -> bool:
        """Does the loader, the target's name or the text of the path say that a model is loaded?"""
        if loader in table("loading")["pickles"]["model_loaders"]:
            return True
        statement = code.context.statement(call)
        target = statement.targets[0].target if isinstance(statement, cst.Assign) else None
        texts = [code.text_of(target)] if isinstance(target, (cst.Name, cst.Attribute, cst.Subscript)) else []
        texts += [code.text_of(arg) for arg in call.args]
        return any(pattern("loading", "pickles", "model_words").search(text.lower()) for text in texts)

    @staticmethod
    def _is_own(code: Code, call: cst.Call) -> bool:
        """Does the same file write what is loaded?

        That is the same literal path or the same attribute of one object anywhere, and in one function the same name: written
        before, or written for the next run where this one looks first whether the file exists.
        """
        dumpers = table("loading")["pickles"]["dumpers"]
        loaded = _paths(code, call)
        for dump in code.calls(*{dumper.rpartition(".")[2] for dumper in dumpers}):
            if code.qualified_name(dump.func) not in dumpers:
                continue
            shared = _paths(code, dump).keys() & loaded.keys()
            together = code.context.function(dump) is code.context.function(call)
            if together and code.tree.start(dump) > code.tree.start(call):
                is_own = any(_is_looked_for(code, call, path) for path in shared)
            else:
                is_own = any(
                    together or isinstance(loaded[p], cst.SimpleString) or _is_attribute_of_self(loaded[p])
                    for p in shared
                )
            if is_own:
                return True
        return False


def _paths(code: Code, call: cst.Call) -> dict[str, cst.BaseExpression]:
    """Return the arguments of a call by their text, of ``open(path, mode)`` the path."""
    given = [arg.value for arg in call.args]
    opened = [value.args[0].value for value in given if isinstance(value, cst.Call) and value.args]
    return {code.text_of(value): value for value in (*given, *opened)}


def _is_attribute_of_self(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.Attribute) and isinstance(value.value, cst.Name) and value.value.value == "self"


def _is_looked_for(code: Code, call: cst.Call, path: str) -> bool:
    """Does the load stand where the program has found that its file exists?"""
    tests = [test for test, holds in code.context.conditions(call) if holds]
    looks = [look for test in tests for look in (test, *code.tree.within(test, cst.Call)) if isinstance(look, cst.Call)]
    return any(
        name in ("exists", "isfile", "is_file") and path in code.text_of(look)
        for look in looks
        if (name := code.text_of(look.func).rpartition(".")[2])
    )


def _called(code: Code, call: cst.Call) -> str:
    """Return the full name of what is called; as written where nothing in the file binds its first part."""
    from ...code.names import dotted

    qualified = code.qualified_name(call.func)
    return qualified or ("" if code.values.is_known(call.func) else dotted(call.func))


def _has(call: cst.Call, name: str, value: str) -> bool:
    """Is ``name=value`` among the arguments, ``value`` being a Python name?"""
    return any(
        arg.keyword is not None
        and arg.keyword.value == name
        and isinstance(arg.value, cst.Name)
        and arg.value.value == value
        for arg in call.args
    )
