"""Where a call is carried out."""

from __future__ import annotations

from rtfs.errors import ConfigError
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.syntax.nodes import Hint

_HASH_DIGITS = 64


class ExecTarget(Struct):
    """The root of all targets."""

    @property
    def printed(self) -> str:
        """`local_pure`, `local_model:ID`, `remote_model:ID` (reference section 3)."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.printed


class LocalPure(ExecTarget):
    """The function's own body, here."""

    @property
    def printed(self) -> str:
        return "local_pure"


class ModelTarget(ExecTarget):
    """A model by its id in the registry."""

    model: str

    @property
    def kind(self) -> str:
        """As in a hint: `local-model` or `remote`."""
        raise NotImplementedError


class LocalModel(ModelTarget):
    """A model that runs on this machine."""

    kind = "local-model"

    @property
    def printed(self) -> str:
        return f"local_model:{self.model}"


class RemoteModel(ModelTarget):
    """A model behind an API: what it is asked leaves this machine."""

    kind = "remote"

    @property
    def printed(self) -> str:
        return f"remote_model:{self.model}"


class ContentAddressed(ExecTarget):
    """Published code by its hash (`caching.code`), here, in a sandbox.

    Attributes:
        content: hash of the code.
        found: how it was found (a `caching.code.retrieval.Found`); None: to be looked for by its hash.
        check: the model is asked as well, and its answer counts.
    """

    content: bytes
    found: Any = None
    check: bool = False

    @property
    def printed(self) -> str:
        return f"code:{self.content.hex()}"


LOCAL = LocalPure()


def of_hint(hint: Hint) -> ExecTarget:
    """The target that a hint names."""
    if hint.target == "local":
        return LOCAL
    return (LocalModel if hint.target == "local-model" else RemoteModel)(hint.model or "")


def model_target(kind: str, model: str) -> str | None:
    """The target of a model as it is printed, from what a record has: `local-model` or `remote`, and the id; None for any other."""
    if kind == "local-model":
        return LocalModel(model).printed
    return RemoteModel(model).printed if kind == "remote" else None


def parse_target(text: str) -> ExecTarget:
    """A target as it is printed, and as policies and command lines write it: `local`, `local:smollm2`, `remote:gpt-4o-mini`,
    `code:` with a content hash.

    Raises:
        ConfigError: it is none.
    """
    kind, _, model = text.strip().partition(":")
    kind = kind.replace("-", "_")
    if kind in ("local", "local_pure", "body") and not model:
        return LOCAL
    if kind in ("local", "local_model") and model:
        return LocalModel(model)
    if kind in ("remote", "remote_model") and model:
        return RemoteModel(model)
    if kind == "code" and len(model) == _HASH_DIGITS and not model.strip("0123456789abcdef"):
        return ContentAddressed(bytes.fromhex(model))
    hint = "write local (the function's own body), local:MODEL, remote:MODEL, such as remote:gpt-4o-mini, or code: and a whole hash"
    raise ConfigError(f"`{text}` is not a target", hint=hint)
