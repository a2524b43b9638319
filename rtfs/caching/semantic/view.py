"""One text as the guards see it: masked, split into tokens, phrases of asking brought to one form.

A view is made once per text (about 60 microseconds for a question) and kept with the cached entry; a comparison of two views reads
both and changes neither.
"""

from __future__ import annotations

import re

from rtfs.caching.semantic.lexicon import Lexicon, english
from rtfs.caching.semantic.masking import KINDS, Masked, mask

_TOKEN = re.compile(r"[\ue000-\ue004]|[^\W\d_\ue000-\ue004]+(?:['-][^\W\d_\ue000-\ue004]+)*|\d+|[.?!;:,]")
_CONTRACTIONS = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "ain't": "is not", "let's": "let us",
    "dont": "do not", "doesnt": "does not", "didnt": "did not", "cant": "can not", "wont": "will not", "isnt": "is not",
    "arent": "are not", "wasnt": "was not", "werent": "were not", "hasnt": "has not", "havent": "have not", "hadnt": "had not",
    "couldnt": "could not", "wouldnt": "would not", "shouldnt": "should not", "im": "i am", "ive": "i have", "whats": "what is",
    "wheres": "where is", "hows": "how is", "thats": "that is", "gonna": "going to", "wanna": "want to", "who's": "who is",
    "what's": "what is", "where's": "where is", "when's": "when is", "how's": "how is", "why's": "why is", "it's": "it is",
    "that's": "that is", "there's": "there is", "here's": "here is", "he's": "he is", "she's": "she is",
}  # fmt: skip
_ENDS = {"'re": "are", "'ve": "have", "'ll": "will", "'d": "would", "'m": "am"}

#: Ways to ask the same thing, over base forms of tokens joined by spaces; applied in this order at word boundaries.
#: `how` stands for the way to do something, `may` for whether it is possible or allowed.
_WAY = r"(?:way|method|process|procedure|step|approach|trick|technique)"
_PHRASES = [
    (re.compile(rf"\b{pattern}\b"), put)
    for pattern, put in (
        # what only introduces the question
        (r"(?:can|could|will|would) you (?:please )?(?:kindly )?(?:tell|show|explain|describe|give|help|let|advise|inform|list|name) (?:to )?(?:I|we)?(?: know)?(?: about)?", ""),
        (r"(?:can|could|will|would) you (?:please )?(?:kindly )?", ""),
        (r"(?:I|we) (?:would |will )?(?:like|want|need|wish|try|be try|be wonder|wonder|love) (?:to )?(?:know|understand|learn|see|find out|figure out)(?: about)?", ""),
        (r"(?:do|be) you (?:happen to )?know(?: if| whether)?", ""),
        (r"(?:I|we) (?:be )?wonder (?:if|whether)?", ""),
        (r"(?:please )?(?:tell|show|teach|inform) (?:I|we)(?: about)?(?= (?:how|what|when|where|why|who|which|if|whether|the))", ""),
        (r"(?:let|help) (?:I|we) (?:know|understand)(?: about)?", ""),
        (r"(?:please )?explain(?: to (?:I|we))?(?= (?:how|what|when|where|why|who|which))", ""),
        (r"I have (?:a|an)? ?question (?:about|on|regard)", ""),
        # the way to do something
        (rf"what (?:be|would be) (?:the|a|some|your)? ?(?:good |easy |simple |quick |right |correct |proper |usual |recommend )*{_WAY} (?:to|of|for)(?: (?:I|we|you))?", "how"),
        (rf"(?:in )?(?:what|which) {_WAY} (?:can|do|should|could) (?:I|we|you|one)", "how"),
        (rf"(?:be )?there (?:a|any|some) (?:good |easy |simple )?{_WAY} (?:to|of|for)(?: (?:I|we|you))?", "may"),
        (r"how (?:can|could|do|should|would|may|might|shall|be) (?:I|we|you|one|people|someone|somebody|a person) (?:go about |be able to |supposed to )?", "how "),
        (r"what (?:do|should|must) (?:I|we|you|one) (?:have to |need to )?do to", "how"),
        (r"how to", "how"),
        (r"how (?:do|can|could|would|should) (?=the )", "how "),
        # whether it is possible or allowed
        (r"(?:be it|it be) (?:possible|okay|ok|allow|permit) (?:for (?:I|we|you|one) )?to", "may"),
        (r"(?:be (?:I|we|you|one) |(?:I|we|you|one) be )(?:able|allow|permit) to", "may"),
        (r"(?:can|could|may|might) (?:I|we|you|one|people|someone)", "may"),
        (r"do (?:you|they) (?:offer|provide|have)", "be there"),
        # other question words
        (r"(?:at )?what (?:time|date|day)(?: of (?:the )?day)?", "when"),
        (r"(?:at|in|on|to|from) (?:what|which) (?:place|location|spot)", "where"),
        (r"(?:for )?(?:what|which) (?:be (?:the|a|some) )?(?:reason|cause|purpose)(?: (?:for|that|why|of|behind))?", "why"),
        (r"how frequent(?:ly)?", "how often"),
        (r"how come", "why"),
        (r"(?:what|which) person", "who"),
        (r"whom", "who"),
        (r"for how long", "how long"),
        (r"(?:what|which) (?:number|amount|quantity) of", "how many"),
        (r"what be (?:the )?number of", "how many"),
        (r"how much (?:money )?(?:do|be|would|will) (.+?) (?:cost|charge)", r"what be the price of \1"),
        (r"how much (?:money )?(?:do|be|would|will) it cost to", "what be the price to"),
        # phrases that are one word
        (r"get in touch with", "contact"),
        (r"get rid of", "remove"),
        (r"find out", "find"),
        (r"look for", "find"),
        (r"carry out", "do"),
        (r"set up", "setup"),
        (r"sign up", "signup"),
        (r"sign in", "login"),
        (r"log in", "login"),
        (r"log (?:on|into)", "login"),
        (r"in order to", "to"),
        (r"a lot of|lot of|plenty of", "many"),
        (r"because of|due to|owing to", "because"),
        (r"as well as", "and"),
        (r"used to be", "formerly be"),
        (r"no long(?:er)?", "formerly"),
        (r"instead of|rather than", "instead"),
        (r"up to date", "current"),
        (r"have to|need to|ought to|get to be", "must"),
        (r"be go to", "will"),
        (r"call off", "cancel"),
        (r"give up|give back", "return"),
        (r"take off", "remove"),
        (r"put off", "delay"),
        (r"turn on|switch on", "enable"),
        (r"turn off|switch off|shut off", "disable"),
        (r"turn (\w+) on|switch (\w+) on", r"enable \1\2"),
        (r"turn (\w+) off|switch (\w+) off", r"disable \1\2"),
        (r"log (?:out|off)|sign out", "logout"),
        (r"throw away|throw out", "discard"),
        (r"fill (?:in|out)", "complete"),
        (r"stand for|short for", "mean"),
    )
]  # fmt: skip
_ARTICLES = {"a", "an", "the"}
_WORDS_OF_QUESTIONS = {"who", "what", "which", "when", "where", "why", "how", "whose"}
_HOW = {"many", "much", "long", "often", "far", "old", "big", "tall", "large", "fast", "soon", "deep", "high", "heavy", "hot", "cold", "wide", "late", "early", "good", "bad"}


class Token:
    """A word or the sign of a slot."""

    __slots__ = ("base", "low", "raw")

    def __init__(self, raw: str, low: str, base: str) -> None:
        self.raw = raw
        self.low = low
        self.base = base


class View:
    """What guards read of one text; not to be changed."""

    __slots__ = ("bases", "content", "frame", "known", "lows", "masked", "names", "question", "tokens")

    def __init__(self, text: str, lexicon: Lexicon | None = None) -> None:
        lexicon = lexicon or english()
        self.masked: Masked = mask(text)
        self.tokens: list[Token] = _tokens(self.masked.template, lexicon)
        """Words and slots without punctuation, contractions resolved."""
        self.lows = frozenset(token.low for token in self.tokens)
        self.bases = frozenset(token.base for token in self.tokens)
        self.names: dict[str, str] = {}
        """Words with a capital where none is due: lower-case form -> as written."""
        self._find_names()
        self.frame: list[str] = _frame(self.tokens)
        """Base forms in order, with phrases of asking in one form, without articles and politeness."""
        empty = lexicon.empty
        self.content: list[str] = [word for word in self.frame if word not in empty and word not in KINDS]
        """The words of `frame` that carry what the text is about."""
        self.question = _question(self.frame)
        """What is asked for: `who`, `when`, `how many`, …; `may` for yes or no with possibility, `` for anything else."""
        words = [token.low for token in self.tokens if token.low.isalpha() and token.low not in self.names]
        self.known = sum(lexicon.known(word) for word in words) / len(words) if words else 1.0
        """The share of the words, names left out, that are English."""

    def _find_names(self) -> None:
        starts = True
        capitals = sum(token.raw[:1].isupper() for token in self.tokens)
        shouted = capitals > 0.6 * len(self.tokens) and len(self.tokens) > 4
        words = iter(self.tokens)
        for sign in _TOKEN.findall(self.masked.template):
            if sign in ".?!;:,":
                starts = sign != ","
                continue
            token = next(words, None)
            if token is None:
                break
            capital = sign[:1].isupper() and (not starts or sign.isupper() and len(sign) > 1) and not shouted
            if capital and token.low != "i":
                self.names[token.base] = sign
            # a contraction made several tokens of this sign
            for _ in range(len(_split(sign.lower())) - 1):
                next(words, None)
            starts = False


def _split(low: str) -> list[str]:
    """The words that a token with an apostrophe stands for."""
    if low in _CONTRACTIONS:
        return _CONTRACTIONS[low].split()
    if "'" in low:
        if low.endswith("n't"):
            return [low[:-3], "not"]
        for end, word in _ENDS.items():
            if low.endswith(end):
                return [low[: -len(end)], word]
        return [low.removesuffix("'s").replace("'", "") or low]
    return [low]


def _tokens(template: str, lexicon: Lexicon) -> list[Token]:
    tokens = []
    base = lexicon.base
    for sign in _TOKEN.findall(template):
        if sign in ".?!;:,":
            continue
        if sign in KINDS:
            tokens.append(Token(sign, sign, sign))
            continue
        low = sign.lower()
        parts = _split(low)
        if len(parts) == 1:
            tokens.append(Token(sign, parts[0], base(parts[0])))
        else:
            tokens += [Token(sign if i == 0 else part, part, base(part)) for i, part in enumerate(parts)]
    return tokens


def _frame(tokens: list[Token]) -> list[str]:
    # `me` and `us` meet `I` and `we` here, so that the phrases need one form
    text = " ".join({"me": "I", "i": "I", "us": "we"}.get(token.low, token.base) for token in tokens)
    for pattern, put in _PHRASES:
        text = pattern.sub(put, text)
    return [word for word in text.split() if word not in _ARTICLES and word != "please"]


def _question(frame: list[str]) -> str:
    for at, word in enumerate(frame[:-1]):
        if word in _WORDS_OF_QUESTIONS:
            if word == "how" and frame[at + 1] in _HOW:
                return f"how {frame[at + 1]}"
            if word == "what" and at and frame[at - 1] in ("know", "about"):
                continue
            return "what" if word == "which" else word
    if frame[-1:] and frame[-1] in _WORDS_OF_QUESTIONS:
        return "what" if frame[-1] == "which" else frame[-1]
    if "may" in frame[:3]:
        return "may"
    return ""
