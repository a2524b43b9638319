"""Where a call is carried out."""

from __future__ import annotations

from rtfs.errors import ConfigError
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.syntax.nodes import Hint


class ExecTarget(Struct):
    """The root of all targets. Later floors add a capability and content-addressed code."""

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


LOCAL = LocalPure()


def of_hint(hint: Hint) -> ExecTarget:
    """The target that a hint names."""
    if hint.target == "local":
        return LOCAL
    return (LocalModel if hint.target == "local-model" else RemoteModel)(hint.model or "")


def parse_target(text: str) -> ExecTarget:
    """A target as it is printed, and as policies and command lines write it: `local`, `local:smollm2`, `remote:gpt-4o-mini`.

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
    hint = "write local (the function's own body), local:MODEL or remote:MODEL, such as remote:gpt-4o-mini"
    raise ConfigError(f"`{text}` is not a target", hint=hint)
