"""A cached answer as it lies in the store: plain data, with its vector in half precision."""

from __future__ import annotations

from rtfs.caching.encoding import Malformed, decode, encode
from rtfs.caching.question import Kept
from rtfs.caching.semantic.asked import FORM
from rtfs.caching.semantic.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CachedAnswer:
    """An answer to a question, found by what the question means.

    `floor` is the score at or below which it is not served: raised when it turned out to be the wrong answer to a question that
    scored so.
    """

    __slots__ = ("_views", "bucket", "floor", "function", "partition", "reply", "texts", "vector")

    def __init__(
        self, texts: list[str], partition: bytes, bucket: bytes, function: bytes, vector: bytes, reply: Kept, floor: float = 0.0
    ) -> None:
        self.texts = texts
        self.partition, self.bucket, self.function = partition, bucket, function
        self.vector = vector
        """Half precision, little-endian."""
        self.reply = reply
        self.floor = floor
        self._views: tuple[View, ...] | None = None

    @property
    def views(self) -> tuple[View, ...]:
        """Made at the first use, and kept."""
        if self._views is None:
            self._views = tuple([View(text) for text in self.texts])
        return self._views

    @views.setter
    def views(self, views: tuple[View, ...]) -> None:
        self._views = views

    def row(self) -> Any:
        """The vector, float32, of length 1 again."""
        import numpy as np

        row = np.frombuffer(self.vector, "<f2").astype(np.float32)
        return row / np.sqrt(row @ row)

    def to_bytes(self) -> bytes:
        """
        Raises:
            Malformed: a text is no Unicode.
        """
        return encode(
            [FORM, self.texts, self.partition, self.bucket, self.function, self.vector, self.reply.to_data(), float(self.floor)]
        )

    @classmethod
    def from_bytes(cls, data: bytes, dimensions: int) -> CachedAnswer:
        """
        Raises:
            Malformed: it is no such entry, or its vector has another width.
        """
        value = decode(data)
        if type(value) is not list or len(value) != 8 or value[0] != FORM:
            raise Malformed("not an entry of this form")
        _, texts, partition, bucket, function, vector, reply, floor = value
        if type(texts) is not list or not texts or not all(type(text) is str for text in texts):
            raise Malformed("an entry without texts")
        if not all(type(part) is bytes and len(part) == 32 for part in (partition, bucket, function)):
            raise Malformed("an entry without its place")
        if type(vector) is not bytes or len(vector) != 2 * dimensions or type(floor) is not float:
            raise Malformed("a vector of another width")
        return cls(texts, partition, bucket, function, vector, Kept.from_data(reply), floor)
