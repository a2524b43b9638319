"""What `rtfs cache` shows of each layer."""

from __future__ import annotations

import os

from rtfs.cli.cache_options import CACHE_LAYERS
from rtfs.cli.cache_views import KEY_DIGITS, Stored, View
from rtfs.cli.logs import cost_text, seconds_text, shown, time_text
from rtfs.errors import ConfigError
from rtfs.folders import answer_cache_folder, compile_cache_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from rtfs.caching.stores.protocol import Store
    from rtfs.cli.terminal import Terminal


class Compiled(View):
    """Compiled programs: files in a folder."""

    word = "compile"
    thing = "compiled program", "compiled programs"

    def _store(self) -> Any:
        from rtfs.eval.cached.store import Store

        return Store(compile_cache_folder(self.environ))

    def _files(self) -> list[tuple[float, int, str]]:
        try:
            with os.scandir(compile_cache_folder(self.environ)) as files:
                found = [(file.stat(), file.name) for file in files if file.name.endswith(".rtfsc")]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted([(known.st_mtime, known.st_size, name) for known, name in found])

    def stats(self) -> dict[str, Any]:
        files = self._files()
        return {"layer": self.word, "size": len(files), "size_bytes": sum([size for _, size, _ in files])}

    def entries(self, function: str | None, model: str | None) -> Iterator[dict[str, Any]]:
        for used, size, name in self._files():
            yield {"name": name, "size_bytes": size, "used": used}

    def row(self, entry: dict[str, Any]) -> list[str]:
        return [entry["name"], f"{entry['size_bytes']:,} bytes", f"used {time_text(entry['used'])}"]

    def clear(self) -> int:
        try:
            return int(self._store().clear())
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            folder = compile_cache_folder(self.environ)
            raise ConfigError(f"cannot clear {folder}: {error.strerror}", hint="remove the folder") from error

    def verify(self) -> tuple[int, list[str]]:
        """They are signed, and looked at when they are used: one that is damaged is compiled anew."""
        return len(self._files()), []


class Plans(Stored):
    """Plans live as long as a run; what they were good for is in the file of answers."""

    word, layer, file, kept_as = "plan", "L1", "replies.sqlite", "L2"

    def stats(self) -> dict[str, Any]:
        return {**super().stats(), "size": None, "size_bytes": None, "place": "each run's memory"}

    def clear(self) -> None:  # type: ignore[override]
        return None

    def verify(self) -> tuple[int, list[str]]:
        return 0, []


class Replies(Stored):
    """Answers of models."""

    word, layer, file = "reply", "L2", "replies.sqlite"
    thing = "answer", "answers"

    def _cache(self) -> Any:
        from rtfs.caching.replies import ReplyCache

        return None if self.store is None else ReplyCache(self.store)

    def entries(self, function: str | None, model: str | None) -> Iterator[dict[str, Any]]:
        cache = self._cache()
        if cache is None:
            return
        found = cache.outcomes(f"function:{function}" if function else f"model:{model}" if model else None)
        for key, kept in found:
            one = self._data(key, kept)
            if (function is None or one["function"] == function) and (model is None or one["model"] == model):
                yield one

    def _data(self, key: bytes, outcome: Any) -> dict[str, Any]:
        from rtfs.caching.kept_error import KeptError

        error = outcome if isinstance(outcome, KeptError) else None
        kept = outcome if error is None else error.took
        about = {name: value for name, value in kept.metadata.items() if name != "parts"}
        return {
            "key": key.hex(),
            "function": about.pop("function", ""),
            "provider": about.pop("provider", ""),
            "model": about.pop("asked", "") or kept.model,
            "answered_by": kept.model,
            "text": outcome.text,
            "error": None if error is None else {"kind": error.kind, "message": error.message, "hint": error.hint},
            "score": kept.score,
            "prompt_tokens": kept.prompt_tokens,
            "completion_tokens": kept.completion_tokens,
            "latency_s": round(kept.latency_s, 6),
            "cost_usd": kept.cost_usd,
            "created": kept.created,
            **about,
        }

    def entry(self, key: bytes) -> dict[str, Any]:
        cache = self._cache()
        entry = next(((known, kept) for known, kept in cache.outcomes() if known == key), None)
        if entry is None:
            raise ConfigError("the entry is not as it was written", hint="`rtfs cache verify` looks at all of them")
        known = self.known(key)
        more: dict[str, Any] = {}
        if known is not None:
            more = {"size_bytes": known.size_bytes, "uses": known.uses, "used": known.used, "expires": known.expires}
        return {**self._data(*entry), **more}

    def row(self, entry: dict[str, Any]) -> list[str]:
        error = entry["error"]
        text = shown(entry["text"] if error is None else f"{error['kind']}: {error['message']}")
        return [
            entry["key"][:KEY_DIGITS],
            time_text(entry["created"]),
            shown(entry["function"]),
            shown(entry["model"]),
            text if len(text) <= 60 else text[:59] + "…",
        ]

    def facts(self, entry: dict[str, Any]) -> list[tuple[str, str]]:
        error = entry["error"]
        tokens = (entry["prompt_tokens"] or 0) + (entry["completion_tokens"] or 0)
        found: list[tuple[str, Any]] = [
            ("key", entry["key"]),
            ("function", entry["function"]),
            ("model", f"{entry['model']} ({entry['provider']})"),
            ("error", f"{error['kind']}: {error['message']}" if error else None),
            ("hint", error["hint"] if error else None),
            ("text", entry["text"]),
            ("score", entry["score"]),
            ("created", time_text(entry["created"])),
            ("took", f"{seconds_text(entry['latency_s'])}, {tokens} tokens, {cost_text(entry['cost_usd'])}"),
            ("tries", entry.get("tries")),
            ("uses", f"{entry.get('uses', 0)}, last {time_text(entry['used'])}" if entry.get("used") else None),
            ("expires", time_text(entry["expires"]) if entry.get("expires") else None),
            ("size", f"{entry['size_bytes']:,} bytes" if "size_bytes" in entry else None),
        ]
        return [(name, str(value)) for name, value in found if value not in (None, "")]

    def why(self, key: bytes) -> list[str]:
        """In which parts the question differs from the others of its function and of its operands."""
        from rtfs.caching.kept_error import KeptError
        from rtfs.caching.replies import parts_in

        every = dict(self._cache().outcomes())
        outcome = every.pop(key)
        parts, about = parts_in(outcome), outcome.metadata
        if isinstance(outcome, KeptError):
            answers = f"raises the error {outcome.kind} again that {shown(about.get('asked', '?'))} met"
        else:
            answers = f"answers {shown(about.get('function', '?'))} as {shown(outcome.model)} did"
        lines = [
            f"{key.hex()[:KEY_DIGITS]}  {answers}: "
            f"served when all of this is the same: {', '.join(sorted(parts))}"
        ]
        near = []
        for other, its in every.items():
            theirs = parts_in(its)
            differ = [name for name, part in parts.items() if theirs.get(name) != part]
            if "function" not in differ or "operands" not in differ:
                near.append((len(differ), other, differ))
        for _, other, differ in sorted(near)[:10]:
            lines.append(f"{other.hex()[:KEY_DIGITS]}  is another question; it differs in: {', '.join(differ) or 'the sample'}")
        return lines


class Semantic(Stored):
    """Answers that are found by what a question means."""

    word, layer, file = "semantic", "L3", "semantic.sqlite"
    thing = "answer by meaning", "answers by meaning"

    def stats(self) -> dict[str, Any]:
        """With `functions`: where each stands with its error budget."""
        found = super().stats()
        if self.store is None:
            return found
        from rtfs.caching.semantic.budgets import recorded

        functions = []
        for name, limit, standing in recorded(self.store):
            share, low, high = [round(part, 4) for part in standing.precision]
            functions.append(
                {"function": name, "state": standing.state, "threshold": standing.threshold, "limit": limit,
                 "checks": standing.checks, "false": standing.false, "precision": share,
                 "precision_low": low, "precision_high": high}
            )  # fmt: skip
        return {**found, "functions": functions}

    def entries(self, function: str | None, model: str | None) -> Iterator[dict[str, Any]]:
        from rtfs.caching.encoding import Malformed, decode
        from rtfs.caching.question import Kept

        for key, data in () if self.store is None else self.store.items(self.layer):
            try:
                _, texts, _, _, _, _, reply, floor = decode(data)
                kept = Kept.from_data(reply)
            except (Malformed, ValueError):
                continue
            yield {"key": key.hex(), "texts": texts, "answered_by": kept.model, "text": kept.text, "floor": floor,
                   "created": kept.created}  # fmt: skip

    def entry(self, key: bytes) -> dict[str, Any]:
        return next(entry for entry in self.entries(None, None) if entry["key"] == key.hex())

    def row(self, entry: dict[str, Any]) -> list[str]:
        said = [shown(text)[:60] for text in (" / ".join(entry["texts"]), entry["text"])]
        return [entry["key"][:KEY_DIGITS], time_text(entry["created"]), shown(entry["answered_by"]), *said]

    def why(self, key: bytes) -> list[str]:
        entry = self.entry(key)
        return [
            f"{key.hex()[:KEY_DIGITS]}  answers questions that mean: {' / '.join(map(shown, entry['texts']))}",
            "`rtfs cache why FIRST SECOND` compares two texts as the layer does",
        ]


class Code(Stored):
    """Code under the hash of its content. It was published, and does not come back by itself: `rtfs code` manages it."""

    word, layer = "code", "code"
    thing = "published function", "published functions"
    fills_itself = False

    @property
    def store(self) -> Store | None:
        from rtfs.caching.code.opening import code_path

        path = code_path(self.environ)
        if self._opened is None and os.path.exists(path):
            from rtfs.caching.stores.sqlite import SQLiteStore

            self._opened = SQLiteStore(path)
        return self._opened

    def _states(self) -> Iterator[tuple[bytes, Any]]:
        from rtfs.caching.code.store import STATE, CodeState

        for key, data in () if self.store is None else self.store.items(STATE):
            state = CodeState.of(data)
            if state is not None:
                yield key, state

    def stats(self) -> dict[str, Any]:
        states = [state for _, state in self._states()]
        hits, misses = sum([state.uses for state in states]), sum([state.abstained + state.failed for state in states])
        rate = round(hits / (hits + misses), 4) if hits + misses else 0.0
        return {**super().stats(), "layer": "L4", "hits": hits, "misses": misses, "hit_rate": rate, "saved_seconds": None}

    def entries(self, function: str | None, model: str | None) -> Iterator[dict[str, Any]]:
        for key, state in self._states():
            if function is None or state.name == function:
                yield {"key": key.hex(), **state.to_dict()}

    def entry(self, key: bytes) -> dict[str, Any]:
        return next(entry for entry in self.entries(None, None) if entry["key"] == key.hex())

    def row(self, entry: dict[str, Any]) -> list[str]:
        uses = f"{entry['uses']:,} uses"
        return [entry["key"][:KEY_DIGITS], time_text(entry["created_s"]), shown(entry["name"]), entry["status"], uses]

    def verify(self) -> tuple[int, list[str]]:
        """Of published code, the signatures too; it is not removed for that, as a key may be trusted later."""
        _, problems = super().verify()
        if self.store is None:
            return 0, problems
        from rtfs.caching.code.entries import CodeRefused
        from rtfs.caching.code.opening import code_path, open_code

        code, whole = open_code(code_path(self.environ), self.environ), 0
        states = dict(code.states())
        for key in self.all_keys():
            name = f"{shown(states[key].name)} " if key in states else ""
            try:
                code.open(key)
                if key not in states:
                    raise CodeRefused("what is known of it besides is gone", reason="damaged")
                whole += 1
            except CodeRefused as refused:
                problems.append(f"{name}{key.hex()[:KEY_DIGITS]}: {refused.message}; it is not run")
        code.close()
        return whole, problems

    def why(self, key: bytes) -> list[str]:
        entry = self.entry(key)
        said = f", {entry['why']}" if entry['why'] else ''
        name = f"{key.hex()[:KEY_DIGITS]}  {shown(entry['name'])}"
        return [f"{name} is {entry['status']}{said}; `rtfs code show` checks its signature"]


_VIEWS: dict[str, type[View]] = {view.word: view for view in (Compiled, Plans, Replies, Semantic, Code)}


def views(words: list[str], terminal: Terminal) -> list[View]:
    """
    Raises:
        ConfigError: there is no such layer.
    """
    for word in words:
        if word not in _VIEWS:
            raise ConfigError(f"there is no layer of cache `{word}`", hint=f"choose from: {', '.join(CACHE_LAYERS)}")
    folder = answer_cache_folder(terminal.environ)
    return [_VIEWS[word](folder, terminal.environ) for word in words]


def explained(first: str, second: str, terminal: Terminal) -> Any:
    """What the layer of meaning says of two texts.

    Raises:
        ConfigError: numpy is not installed.
    """
    from importlib.util import find_spec

    from rtfs.errors import missing_extra

    if find_spec("numpy") is None:
        raise missing_extra("numpy", "semantic", "comparing texts by their meaning")
    from rtfs.caching.opening import embedder_here
    from rtfs.caching.semantic.explain import explain

    return explain(first, second, embedder=embedder_here(terminal.environ))
