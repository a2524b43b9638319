"""A request as caches see it, a reply as they keep it, and what a layer behind L2 has to offer."""

from __future__ import annotations

from operator import attrgetter

from rtfs.caching.encoding import Malformed
from rtfs.caching.layer import Saved
from rtfs.models.protocol import ModelReply, ModelRequest, Usage
from rtfs.values.quick import quick_struct
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from rtfs.caching.wish import Errors


#: Noted of a reply whose value says nothing (`wish.says_nothing`).
NOTHING = "nothing"


@quick_struct
class Question(Struct):
    """A request to one model of one provider, on somebody's behalf.

    Attributes:
        request: its `model` is the id that the provider serves.
        provider: its name.
        version: which state of the model answers, as far as the provider knows: the checksum of weights; may be empty.
        tenant: on whose behalf; nobody is served what was made for another.
        private: the reply, and what it is found by, stay on this machine.
        key: of L2: over all of the above that can change the reply.
        mode: one of `wish.MODES`.
        samples: of mode `sample`: how many replies are kept.
        min_confidence: replies that are known to be less sure are neither kept nor used.
        ttl_s: seconds after which a reply is no longer used; None: the layer's setting.
        errors_s: kinds of errors, and the seconds for which they are kept and used.
        nothing_s: seconds after which a reply that says nothing is no longer used, 0: it never is; None: as any other.
    """

    request: ModelRequest
    provider: str
    version: str
    tenant: str
    private: bool
    key: bytes
    mode: str = "exact"
    samples: int = 1
    min_confidence: float = 0.0
    ttl_s: float | None = None
    errors_s: Errors = ()
    nothing_s: float | None = None

    def limit_s(self, reply: Kept) -> float | None:
        """Seconds after which a reply is no longer used; None: the layer's setting; 0: it is neither kept nor used."""
        if self.nothing_s is None or not reply.metadata.get(NOTHING):
            return self.ttl_s
        return self.nothing_s if self.ttl_s is None else min(self.ttl_s, self.nothing_s)

    @property
    def terms(self) -> tuple[Any, ...]:
        """On what terms a reply is wanted: who asks the same on others is not served with it while it is made."""
        return self.private, self.mode, self.min_confidence


@quick_struct
class Kept(Struct):
    """A reply with what it took to get it.

    Attributes:
        latency_s: seconds that the model took; `cost_usd`: None when the price is not known.
        created: seconds since the epoch.
    """

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    score: float | None = None
    label_mass: float | None = None
    finish_reason: str = "stop"
    model: str = ""
    latency_s: float = 0.0
    cost_usd: float | None = None
    created: float = 0.0
    metadata: dict[str, Any] = {}  # noqa: RUF012

    @property
    def saved(self) -> Saved:
        """What serving it makes unnecessary."""
        return Saved(self.latency_s, (self.prompt_tokens or 0) + (self.completion_tokens or 0), self.cost_usd or 0.0)

    @property
    def confidence(self) -> float:
        """How sure the model was; one that does not say is trusted, as it is where it is asked."""
        return 1.0 if self.score is None else self.score

    def reply(self) -> ModelReply:
        """The reply, which costs nothing this time."""
        return ModelReply(
            text=self.text,
            usage=Usage(prompt_tokens=0, completion_tokens=0),
            score=self.score,
            label_mass=self.label_mass,
            finish_reason=self.finish_reason,
            model=self.model,
        )

    def to_data(self, metadata: dict[str, Any] | None = None) -> list[Any]:
        """Plain data (`encoding`): the fields in their order, behind the number of the form.

        Args:
            metadata: instead of its own.
        """
        data = [FORM, *_fields_of(self)]
        if metadata is not None:
            data[-1] = metadata
        return data

    @classmethod
    def from_data(cls, data: Any) -> Kept:
        """
        Raises:
            Malformed: it is no such data, or of another form.
        """
        if type(data) is not list or len(data) != len(cls._fields) + 1 or data[0] != FORM:
            raise Malformed("not a reply of this form")
        found = tuple(map(type, data))
        if found not in _SEEN:
            for value, kinds in zip(data[1:], _KINDS):
                if type(value) not in kinds:
                    raise Malformed("a part of a reply is of another kind")
            _SEEN.add(found)
        _, _, prompt, completion, score, mass, _, _, latency_s, cost_usd, created, _ = data
        # also no NaN: a reply from a store that others write to, too
        if not (
            0 <= latency_s < _MOST
            and 0 <= created < _LATEST
            and 0 <= (prompt or 0) < _MOST
            and 0 <= (completion or 0) < _MOST
            and 0 <= (cost_usd or 0) < _MOST
            and -_MOST < (score or 0) < _MOST
            and -_MOST < (mass or 0) < _MOST
        ):
            raise Malformed("a figure of a reply is out of its range")
        return cls(*data[1:])


_fields_of = attrgetter(*Kept._fields)
FORM = 1
#: Figures of replies are below the first; the second is in the year 9999.
_MOST, _LATEST = 1e12, 253_402_300_000.0
#: Kinds of the parts of replies that were looked at one by one: there are few combinations.
_SEEN: set[tuple[type, ...]] = set()
_COUNT, _NUMBER, _MAYBE = (int, type(None)), (float, int), (float, int, type(None))
_KINDS = ((str,), _COUNT, _COUNT, _MAYBE, _MAYBE, (str,), (str,), _NUMBER, _MAYBE, _NUMBER, (dict,))


class SemanticLook(Struct):
    """What a layer of meaning found for a question.

    Attributes:
        reply: to a question that means the same, as it judges.
        serve: whether it may be served; a layer that is still proving itself says no.
        check: the model is to be asked as well, and the layer told (`checked`).
        note: for the record: `matched` (the text of the other question), `score`, `reasons` (sentences); plain data.
    """

    reply: Kept
    serve: bool
    check: bool
    note: dict[str, Any]


if TYPE_CHECKING:

    class SemanticLayer(Protocol):
        """L3, asked for questions of mode `semantic` that L2 does not answer. A `layer.CacheLayer` besides. Safe to use from
        several threads; never raises because of its store or its embedder."""

        name: str

        def look(self, question: Question) -> SemanticLook | None:
            """A reply to a question that means the same; None: there is none. Why not is for `explain`, not for here."""

        def store(self, question: Question, reply: Kept) -> object:
            """A model has answered a question."""

        def checked(self, question: Question, look: SemanticLook, reply: Kept) -> None:
            """What the model answers to a question for which `look` had something; `store` is called for it as well."""
