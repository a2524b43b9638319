"""What a question is to this layer: the texts that are compared by meaning, and everything else, which must be equal.

An operand of three words or more is compared by meaning; names, labels, numbers, dates and whole structures are not, they are
part of the partition, as are function, docstring, types, examples, model, provider, version, tenant and sampling.
"""

from __future__ import annotations

from rtfs.caching import keys
from rtfs.caching.semantic.view import View
from rtfs.values.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.caching.question import Question

#: Of how a question is taken apart; entries of another form are not used.
FORM = 1
#: Words that a text has at least.
_LEAST_WORDS = 3
#: Signs of all texts together: beyond, guards take too long and a vector says too little.
MOST_SIGNS = 2000
#: Of the words, the share that has to be English as far as the lexicon goes: the guards know no other language.
_LEAST_KNOWN = 0.6


class Asked(Struct):
    """A question, taken apart.

    Attributes:
        partition: a key over everything that has to be equal; answers never cross it.
        bucket: a key over the numbers, dates, quoted strings and codes of the texts, within the partition.
        function: a key over what the error budget is kept for: the function, its types, its model.
        views: of the texts, in the order of the operands.
    """

    partition: bytes
    bucket: bytes
    function: bytes
    views: tuple[View, ...]

    @property
    def texts(self) -> list[str]:
        return [view.masked.restore() for view in self.views]

    @property
    def spoken(self) -> str:
        """What is embedded."""
        return "\n".join(view.masked.spoken() for view in self.views)


def take_apart(question: Question, embedder: str) -> Asked | str:
    """
    Args:
        embedder: its identity; vectors of two embedders do not meet.
    Returns:
        The parts; or why this question is not compared by meaning, in words.
    Raises:
        keys.NoKey: an operand has no key.
    """
    request = question.request
    if request.rules is not None:
        return "rules answer it for nothing"
    free, fixed, signs = [], [], 0
    for parameter in request.parameters:
        value = parameter.value
        if type(value) is str and len(value) <= MOST_SIGNS and len(value.split()) >= _LEAST_WORDS:
            free.append((parameter.name, value))
            signs += len(value)
        else:
            fixed.append((parameter.name, value))
    if not free:
        return "no operand is a text of three words or more"
    if signs > MOST_SIGNS:
        return f"its texts are longer than {MOST_SIGNS} signs"
    views = tuple([View(text) for _, text in free])
    if any(view.known < _LEAST_KNOWN for view in views):
        return "its text does not look like English, the only language that the guards know"
    aliases = [(name, str(type_)) for name, type_ in sorted(request.aliases.items())]
    function = keys.begin(
        "L3",
        FORM,
        question.provider,
        request.model,
        question.version,
        request.function,
        request.doc,
        [(parameter.name, str(parameter.type)) for parameter in request.parameters],
        str(request.result),
        aliases,
        request.examples,
        embedder,
    )
    sampling = (request.max_tokens, float(request.temperature), request.seed if request.temperature else None)
    partition = function.key(question.tenant, question.private, sampling, fixed, [name for name, _ in free])
    bucket = keys.key("L3", partition, [view.masked.key() for view in views])
    return Asked(partition, bucket, function.key("budget"), views)
