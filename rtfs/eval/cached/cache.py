"""The compile cache of one runtime: finds entries, takes notes of runs that had none, keeps those."""

from __future__ import annotations

import os
from collections.abc import Callable

from rtfs.eval.cached.stamp import stamp
from rtfs.eval.cached.store import Store, digest
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.eval.cached.program import Program
    from rtfs.eval.cached.recording import Level, Recording

#: Programs in which nothing had to be compiled are worth an entry only from this size on.
WORTH_BYTES = 8_192


class CompileCache:
    """See the module.

    Args:
        folder: where entries are.
        settings: of the runtime, as far as they have a say in how code looks.
        find: name of a module -> its source, or None.
    """

    def __init__(self, folder: str, machine: Machine, settings: tuple[Any, ...], find: Callable[[str], Source | None]) -> None:
        self.machine = machine
        self._store = Store(folder)
        self._settings = settings
        self._find = find
        self._stamp: bytes | None = None
        self._macros: Any = None
        self._waiting: list[Recording] = []
        #: The forms that are being carried out and noted.
        self.level: Level | None = None
        #: Modules that were loaded from files: name -> digest of the text, and of the modules that it imports.
        self._loaded: dict[str, tuple[bytes, tuple[tuple[str, bytes], ...]]] = {}

    # --- finding ---

    def find(self, source: Source, namespace: Namespace) -> Program | None:
        """The stored program of a text that is to run in a namespace."""
        if not _is_fresh(namespace):
            return None
        found = self._store.read(self._name(source), self._about(source))
        if found is None:
            return None
        from rtfs.eval.cached.program import Program

        program = Program(*found, source, self.machine)
        return program if all(self._module_digest(name) == known for name, known in program.imports) else None

    def _name(self, source: Source) -> str:
        """The name of the file for a text: one for each path, so that a changed text takes the place of the older one."""
        return digest(repr(self._settings).encode(), os.path.abspath(source.name).encode("utf-8", "surrogatepass"))[:16].hex()

    def _about(self, source: Source) -> bytes:
        """Everything that an entry depends on, but for the modules that it imports."""
        if self._stamp is None:
            self._stamp = stamp()
        return digest(self._stamp, self._name(source).encode(), source.text.encode("utf-8", "surrogatepass"))

    def _module_digest(self, name: str) -> bytes | None:
        """The digest of the text of a module that is loaded, or would be."""
        found = self._loaded.get(name)
        if found is not None:
            return found[0]
        if self.machine.modules.has(name):
            return None
        source = self._find(name)
        return text_digest(source) if source is not None else None

    # --- noting ---

    def noted(self, source: Source | None, namespace: Namespace, evaluator: Any) -> Level | None:
        """What is to take notes of forms while they are carried out; None when nothing is.

        Args:
            source: the whole text that they are; None for a module in the text that is running.
        """
        if source is None:
            return self._inside(namespace, evaluator)
        self.disturb()
        if not source.is_file or not _is_fresh(namespace):
            return None
        from rtfs.eval.cached.recording import Recording

        recording = Recording(source, self._about(source))
        recording.top = level = self._level(recording, namespace, evaluator)
        self._waiting.append(recording)
        return level

    def _inside(self, namespace: Namespace, evaluator: Any) -> Level | None:
        outer = self.level
        if outer is None:
            return None
        level = self._level(outer.recording, namespace, evaluator)
        if outer.form.inner is not None:
            outer.recording.refuse("the forms of a module ran twice")
        outer.form.inner = level
        return level

    def _level(self, recording: Recording, namespace: Namespace, evaluator: Any) -> Level:
        from rtfs.eval.cached.purity import Macros
        from rtfs.eval.cached.recording import Level

        if self._macros is None:
            self._macros = Macros(self.machine)
        return Level(recording, self.machine, namespace, evaluator, self._macros, self.enter)

    def enter(self, level: Level | None) -> Level | None:
        """From now on the forms of a level are carried out; gives the level until now."""
        outer, self.level = self.level, level
        return outer

    def disturb(self) -> None:
        """The host does something to a namespace while a program runs."""
        if self.level is not None:
            self.level.recording.refuse("the host changed the program")

    def module_loaded(self, name: str, source: Source, program: Program | None) -> None:
        """A module was loaded from its file; `program`: that was stored."""
        imports = program.imports if program is not None else None
        for recording in self._waiting:
            if recording.source is source:
                imports = self._imports_of(recording)
        if imports is not None:
            self._loaded[name] = (text_digest(source), imports)

    def _imports_of(self, recording: Recording) -> tuple[tuple[str, bytes], ...] | None:
        """Name and digest of the modules that a text imports, directly or not; None when one does not come from a file."""
        found: dict[str, bytes] = {}
        for name in recording.imports:
            if name in recording.modules:
                continue
            loaded = self._loaded.get(name)
            if loaded is None:
                return None
            found[name] = loaded[0]
            found.update(loaded[1])
        return tuple(sorted(found.items()))

    # --- keeping ---

    def keep(self) -> None:
        """Write the entries of the runs that came to their end; needs room for frames."""
        waiting, self._waiting = self._waiting, []
        for recording in waiting:
            if recording.complete and recording.why_not is None:
                self._keep(recording)

    def _keep(self, recording: Recording) -> None:
        source = recording.source
        imports = self._imports_of(recording)
        if not recording.compiled and len(source.text) < WORTH_BYTES:
            recording.refuse("too small")
        elif imports is None:
            recording.refuse("a module that comes from no file")
        else:
            from rtfs.eval.cached.encoding import Unstorable, encode
            from rtfs.ir.optimise import DEBUG

            try:
                self._store.write(self._name(source), recording.about, *encode(recording, imports))
            except (Unstorable, RecursionError, MemoryError) as error:
                recording.refuse(str(error))
            except Exception as error:  # the program has run, and well; that nothing of it is kept is no reason to fail now
                if DEBUG:
                    raise
                recording.refuse(f"{type(error).__name__}: {error}")


def text_digest(source: Source) -> bytes:
    return digest(source.text.encode("utf-8", "surrogatepass"))


def _is_fresh(namespace: Namespace) -> bool:
    """Whether nothing was defined in a namespace, nor even mentioned."""
    seen = (namespace.own, namespace.macros, namespace.types, namespace.declared, namespace.declared_types, namespace.expected)
    return namespace.linker is None and not any(seen) and not namespace.near_misses
