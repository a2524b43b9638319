"""The parts of a reply in which its value may stand: fenced blocks, tags, brackets in prose; and the reasoning before it."""

from __future__ import annotations

import re

_THOUGHTS = r"(?:think|thinking|thought|thoughts|reasoning|scratchpad|analysis|reflection)"
_THOUGHT = re.compile(rf"\s*<({_THOUGHTS})>", re.IGNORECASE)
_LONE_END = re.compile(rf"</{_THOUGHTS}>", re.IGNORECASE)
_TAG = re.compile(r"<(answer|final_answer|final|output|result|response|json)>", re.IGNORECASE)
_ANNOUNCED = re.compile(
    r"(?:\b(?:final|corrected|revised|actual|updated)\b[^\n{}\[\]]{0,60}|\b(?:answer|output|result)\b(?:\s+is)?\s*)[:\-\n*`\s]*(?:json)?\s*\Z",
    re.IGNORECASE,
)
_INFO = re.compile(r"[\w+.-]{0,30}[ \t]*\r?\n")
#: Blocks and brackets of one reply that are looked into: a reply with more is no answer.
MOST_PARTS = 50


class Part:
    """A stretch of a reply. `ended`: something follows that shows it to be complete; `announced`: "Final answer:" precedes it."""

    __slots__ = ("announced", "ended", "start", "text")

    def __init__(self, text: str, start: int, ended: bool, announced: bool) -> None:
        self.text = text
        self.start = start
        self.ended = ended
        self.announced = announced


def without_thinking(text: str) -> str | None:
    """The text after the reasoning with which some models begin; None when the reply ends inside the reasoning."""
    while True:
        opened = _THOUGHT.match(text)
        if opened is None:
            break
        end = re.compile(rf"</{opened[1]}>", re.IGNORECASE).search(text, opened.end())
        if end is None:
            return None
        text = text[end.end() :]
    if text.lstrip()[:1] not in ("{", "[", '"'):  # the template of a model may already have opened it
        ends = list(_LONE_END.finditer(text))
        if ends:
            text = text[ends[-1].end() :]
    return text


def is_announced(text: str, start: int) -> bool:
    """Whether what stands at `start` is said to be the answer, the final or the corrected one."""
    return _ANNOUNCED.search(text[max(0, start - 100) : start]) is not None


def blocks(text: str) -> list[Part]:
    """The contents of fenced blocks and of tags such as `<answer>`, in order."""
    out: list[Part] = []
    for mark in ("```", "~~~"):
        _fences(text, mark, out)
    open_ended: set[str] = set()  # tags that nothing closes: looked for once
    for tag in _TAG.finditer(text):
        if len(out) >= MOST_PARTS:
            break
        end = -1 if tag[1] in open_ended else text.find(f"</{tag[1]}>", tag.end())
        if end < 0:
            open_ended.add(tag[1])
        else:
            out.append(Part(text[tag.end() : end], tag.end(), True, True))
    return out


def _fences(text: str, mark: str, out: list[Part]) -> None:
    marks = [found.start() for found in re.finditer(re.escape(mark), text)] if mark in text else []
    at = 0
    while at < len(marks) and len(out) < MOST_PARTS:
        opening = marks[at]
        info = _INFO.match(text, opening + 3)
        start = info.end() if info is not None else opening + 3
        later = [i for i in range(at + 1, min(len(marks), at + 20)) if info is None or _begins_line(text, marks[i])]
        closing = later[0] if later else at + 1
        announced = is_announced(text, opening)
        if closing >= len(marks):
            out.append(Part(text[start:], start, False, announced))
            return
        if info is None:  # ```json {"a": 1}```
            word = re.compile(r"(?:json|jsonc|json5|edn|python|yaml)\b", re.IGNORECASE).match(text, start)
            start = word.end() if word is not None else start
        out.append(Part(text[start : marks[closing]], start, True, announced))
        at = closing + 1


def _begins_line(text: str, at: int) -> bool:
    while at > 0 and text[at - 1] in " \t":
        at -= 1
    return at == 0 or text[at - 1] == "\n"


def next_bracket(text: str, at: int) -> int:
    """Where the next `{` or `[` stands, or -1."""
    found = _BRACKET.search(text, at)
    return -1 if found is None else found.start()


_BRACKET = re.compile(r"[{\[]")
