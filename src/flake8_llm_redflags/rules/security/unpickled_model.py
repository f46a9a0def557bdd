"""LRF141: a model loaded from a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import argument
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
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
             "safe_mode", "allow_dangerous_deserialization", "yaml", "shelve"),
            ("joblib", "dill", "cloudpickle", "tokenizer", "embeddings", "predict", "allow_pickle",
             "sklearn", "torch", "keras", "xgboost", "lightgbm", "model", "models", "clf", "classifier", "scaler",
             "vectorizer", "pipeline", "encoder", "weights", "checkpoint", "flask", "django", "fastapi", "requests", "request", "FAISS"),
        ),
        pattern=r"(?:[pP]ickle|joblib|dill|marshal)\.loads?\s*\(|from (?:pickle|joblib|dill|cloudpickle)\b|jsonpickle\.|read_pickle"
        r"|safe_mode|allow_pickle|allow_dangerous_deserialization|yaml\.(?:unsafe_)?load\(|shelve\.open|Unpickler",
    )  # fmt: skip

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each load of a model that the file did not write itself."""
        for call in code.calls(*table("loading")["pickles"]["methods"]):
            if (message := _disarmed(code, call) or _unpickled(code, call)) is not None:
                yield self.finding(code, call, message)


def _disarmed(code: Code, call: cst.Call) -> str | None:
    """Return the message for an argument that takes off the catch of a loader: ``allow_pickle=True``."""
    called = _called(code, call)
    for switch in table("loading")["switches"]["arguments"]:
        if (
            f".{called}".endswith(f".{switch['callee']}")
            and _has(call, switch["name"], switch["value"])
            and not code.pickled.is_own(call)
            and not (switch["callee"] == "numpy.load" and code.pickled.holds_results(call))
        ):
            return f"`{switch['name']}={switch['value']}` runs whatever code is in the file: {switch['advice']}"
    return None


def _unpickled(code: Code, call: cst.Call) -> str | None:
    """Return the message for a pickle that holds a model, or comes from outside."""
    facts = table("loading")["pickles"]
    loader, source = _loader(code, call)
    shown = code.short_text(call.func, 30)
    if loader in facts["data_loaders"] or loader in facts["loaders"]:
        is_sent = bool(source.args) and code.taint.untrusted(source.args[0].value) is not None
        if (is_sent or code.pickled.is_downloaded(source)) and not _is_restrained(code, call):
            advice = facts["safe_loaders"].get(loader)
            if advice is not None:
                return f"`{shown}` builds whatever objects the data asks for, and the data comes from outside: use `{advice}`"
            return f"`{shown}` runs whatever code is pickled there, and it comes from outside: take JSON, or skops, ONNX or safetensors"
    is_model = loader in facts["model_loaders"] or (loader in facts["loaders"] and code.pickled.holds_model(source))
    if is_model and not code.pickled.is_own(source) and not code.pickled.is_opted_in(call):
        return (
            f"`{shown}` runs whatever code is pickled there: load it only from where nobody else can write, or use skops, ONNX or"
            " safetensors"
        )
    return None


def _loader(code: Code, call: cst.Call) -> tuple[str, cst.Call]:
    """Return the full name of what loads, and the call that names the file: of ``Unpickler(file).load()`` the first one."""
    if isinstance(call.func, cst.Attribute):
        for origin in code.values.origins(call.func.value):
            loader = table("loading")["pickles"]["unpicklers"].get(origin.name)
            if loader is not None and isinstance(origin.node, cst.Call):
                return loader, origin.node
    return _called(code, call), call


def _is_restrained(code: Code, call: cst.Call) -> bool:
    """Is a loader given that builds plain data only: ``yaml.load(text, Loader=yaml.SafeLoader)``?"""
    from ...code.names import last_name

    given = argument(call, 1, "Loader")
    return given is not None and last_name(given) in table("loading")["pickles"]["plain_loaders"]


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
