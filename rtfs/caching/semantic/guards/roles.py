"""Who does what to whom, and from where to where: the same words in other roles.

Three signs: two words that change the prepositions before them (`from MySQL to Postgres`), two words that change sides in an
otherwise equal text (`Alice paid Bob`), and pronouns that do (`he … her`).  Turning active into passive, moving a clause to the
front, changing the order in an enumeration, and relations that hold both ways are no change of roles.
"""

from __future__ import annotations

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.masking import KINDS
from rtfs.caching.semantic.view import View

_MARKERS = {
    "from",
    "to",
    "into",
    "onto",
    "than",
    "by",
    "with",
    "without",
    "before",
    "after",
    "for",
    "against",
    "over",
    "under",
    "in",
    "on",
    "instead",
}
#: Participles that their ending does not show.
_PARTICIPLES = {
    "made",
    "built",
    "sold",
    "told",
    "sent",
    "paid",
    "done",
    "found",
    "held",
    "kept",
    "left",
    "lost",
    "met",
    "won",
    "understood",
    "led",
    "fed",
    "sung",
    "begun",
}
#: Between two nouns that the other text has side by side.
_OF = {"of", "in", "for", "by", "on"}


def role_swap(pair: Alignment) -> str | None:
    """The same words, with their roles exchanged."""
    swapped = _pronouns(pair)
    if swapped or len(pair.order_a) < 2:
        return swapped
    return _binding(pair) or _sides(pair)


def _bound(view: View, renamed: dict[str, str], words: set[str]) -> dict[str, set[str]]:
    """Word -> the prepositions that it stands behind; an empty string for none."""
    found: dict[str, set[str]] = {}
    marker = ""
    for token in view.frame:
        if token in _MARKERS:
            marker = token
            continue
        word = renamed.get(token, token)
        if word in words:
            found.setdefault(word, set()).add(marker)
            marker = ""
    return found


def _binding(pair: Alignment) -> str | None:
    words = set(pair.order_a)
    mine, theirs = _bound(pair.a, {}, words), _bound(pair.b, pair.renamed, words)
    if _symmetric(pair) or _passive(pair.a) != _passive(pair.b):
        return None
    for x in pair.order_a:
        for y in pair.order_a:
            if x >= y or x not in theirs or y not in theirs:
                continue
            if mine[x] != mine[y] and mine[x] == theirs[y] and mine[y] == theirs[x] and not _coordinated(pair, x, y):
                # `of` and adjacency say the same; only real markers count
                if {*mine[x], *mine[y]} - {""}:
                    # with one unmarked word, a mere move to the front changes its marker only if the other one moves too
                    return f"`{x}` and `{y}` have changed places"
    return None


def _sides(pair: Alignment) -> str | None:
    # when something happens may be said anywhere
    temporal = pair.lexicon.classes["temporal"]
    mine, theirs = ([word for word in order if word not in temporal] for order in (pair.order_a, pair.order_b))
    if mine == theirs and _passive(pair.a) == _passive(pair.b):
        return None
    turned_a, turned_b = _passive(pair.a), _passive(pair.b)
    if turned_a != turned_b:
        mine = _active(pair.a, mine, {}) if turned_a else mine
        theirs = _active(pair.b, theirs, pair.renamed) if turned_b else theirs
        if mine == theirs or _rotated(mine, theirs):
            return None
        turned = pair.a if turned_a else pair.b
        if pair.only_a or pair.only_b or "by" not in turned.lows:
            return None
        return "active and passive with the same subject"
    if _symmetric(pair) or _rotated(mine, theirs):
        return None
    moved = [(x, y) for i, x in enumerate(mine) for y in mine[i + 1 :] if theirs.index(x) > theirs.index(y)]
    moved = [(x, y) for x, y in moved if not _coordinated(pair, x, y) and not _possessive(pair, x, y)]
    if not moved:
        return None
    names = set(pair.a.names) | set(pair.b.names)
    both_names = [(x, y) for x, y in moved if x in names and y in names and not _one_name(pair, x, y)]
    if both_names or (not pair.only_a and not pair.only_b):
        x, y = (both_names or moved)[0]
        return f"`{x}` and `{y}` have changed places"
    return None


def _one_name(pair: Alignment, x: str, y: str) -> bool:
    """Two parts of one name, side by side in both texts."""
    for view in (pair.a, pair.b):
        frame = [pair.renamed.get(w, w) for w in view.frame] if view is pair.b else view.frame
        if x not in frame or y not in frame or abs(frame.index(x) - frame.index(y)) != 1:
            return False
    return True


def _rotated(a: list[str], b: list[str]) -> bool:
    """Whether a clause went from one end to the other: `last year she moved` and `she moved last year`."""
    if len(a) < 3 or len(a) != len(b):
        return False
    return any(a[i:] + a[:i] == b for i in range(1, len(a)))


def _symmetric(pair: Alignment) -> bool:
    words = pair.lexicon.classes["symmetric"]
    return bool((pair.a.bases | pair.a.lows) & words and (pair.b.bases | pair.b.lows) & words)


def _coordinated(pair: Alignment, x: str, y: str) -> bool:
    """Whether `and` or `or` stands between two words in both texts."""
    joins = pair.lexicon.classes["coordinator"]
    for view in (pair.a, pair.b):
        frame = [pair.renamed.get(w, w) for w in view.frame] if view is pair.b else view.frame
        if x not in frame or y not in frame:
            return False
        start, end = sorted((frame.index(x), frame.index(y)))
        between = frame[start + 1 : end]
        # `two sons and a daughter`: a number belongs to one of them
        if (frame[start - 1 : start] and frame[start - 1] in KINDS) or (between[-1:] and between[-1] in KINDS):
            return False
        if not any(word in joins for word in between) or any(word in _MARKERS for word in between) or len(between) > 4:
            return False
    return True


def _possessive(pair: Alignment, x: str, y: str) -> bool:
    """Whether one text says `x of y` (or `in`, `for`) and the other `y x`."""
    near = []
    for view in (pair.a, pair.b):
        frame = [pair.renamed.get(w, w) for w in view.frame] if view is pair.b else view.frame
        start, end = sorted((frame.index(x), frame.index(y)))
        near.append(set(frame[start + 1 : end]))
    return (any(one & _OF for one in near) and any(not one & (_MARKERS - _OF) for one in near)) or (
        any(one == {"to"} for one in near) and any(not one for one in near)
    )


def _passive(view: View) -> bool:
    """`was painted by`, `should be watered`: a form of be and soon a participle."""
    if view.passive is None:
        view.passive = "be" in view.bases and _participle_after_be(view)
    return view.passive


def _participle_after_be(view: View) -> bool:
    for at, token in enumerate(view.tokens):
        if token.base != "be":
            continue
        for later in view.tokens[at + 1 : at + 6]:
            if (later.low.endswith(("ed", "en", "wn", "ght")) and later.low != later.base) or later.low in _PARTICIPLES:
                return True
    return False


def _active(view: View, words: list[str], renamed: dict[str, str]) -> list[str]:
    """The order that the words of a passive text would have in the active one: agent, what is done, to whom."""
    frame = [renamed.get(word, word) for word in view.frame]
    at = frame.index("by") if "by" in frame else len(frame)
    agent = [word for word in frame[at + 1 :] if word in words]
    before = [word for word in frame[:at] if word in words]
    return agent + before[-1:] + before[:-1]


def _pronouns(pair: Alignment) -> str | None:
    male, female = pair.lexicon.classes["male"], pair.lexicon.classes["female"]

    def order(view: View) -> list[str]:
        return ["m" if t.low in male else "f" for t in view.tokens if t.low in male or t.low in female]

    mine, theirs = order(pair.a), order(pair.b)
    if mine != theirs and sorted(mine) == sorted(theirs) and _passive(pair.a) == _passive(pair.b):
        return "the pronouns have changed places"
    people_a = ["I" if w in ("I", "we") else w for w in pair.a.frame if w in ("I", "we", "you")]
    people_b = ["I" if w in ("I", "we") else w for w in pair.b.frame if w in ("I", "we", "you")]
    if people_a != people_b and len(set(people_a)) == 2 and sorted(people_a) == sorted(people_b):
        return "`I` and `you` have changed places"
    return None
