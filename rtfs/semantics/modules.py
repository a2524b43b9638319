"""Modules: definitions in files, loaded once, imported by name (reference section 6).

The registry decides what an import means; where text comes from is the `find` it is given, and how forms run is the
`run_forms` it is given.
"""

from __future__ import annotations

from collections.abc import Callable

from rtfs.errors import EvalError, RtfsError, nearest
from rtfs.semantics.machine import Machine
from rtfs.semantics.namespace import Namespace
from rtfs.source import Source
from rtfs.syntax import nodes as ast
from rtfs.values.maps import Map
from rtfs.values.sequences import Vector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class LoadedModule:
    """A module whose forms have run: its namespace and the names it exports."""

    __slots__ = ("exports", "name", "namespace", "version")

    def __init__(self, name: str, version: str | None, namespace: Namespace, exports: tuple[str, ...]) -> None:
        self.name = name
        self.version = version
        self.namespace = namespace
        self.exports = exports


class ModuleRegistry:
    """The modules of one runtime, by name and version.

    Args:
        find: name -> the source of the file that should hold the module, or None.
        run_forms: evaluates forms (with their fallback spans) of the text that is running in a namespace, one after the other.
        run_file: runs the module of a name, from its source, whose forms `module_forms` gives, or from what stands for these.
        read: source -> forms.
    """

    def __init__(
        self,
        machine: Machine,
        find: Callable[[str], Source | None],
        run_forms: Callable[[Namespace, Any], Any],
        run_file: Callable[[Namespace, Source | tuple[Any, ...], str], Any],
        read: Callable[[Source], list[Any]],
    ) -> None:
        self.machine = machine
        self.find = find
        self.run_forms = run_forms
        self.run_file = run_file
        self.read = read
        self.loaded: dict[tuple[str, str | None], LoadedModule] = {}
        self._prepared: dict[str, tuple[Any, ...]] = {}
        self._loading: list[str] = []

    def add(self, prepared: dict[str, tuple[Any, ...]]) -> None:
        """Modules that a compiled program brings along: name -> what stands for the forms of the module's file."""
        self._prepared.update(prepared)

    def define(self, node: ast.Module) -> Any:
        """Run a `module` form; its value is `{"name" … "exports" […]}`."""
        if node.name in self._loading and self._loading[-1] != node.name:
            raise self._cycle(node.name)
        namespace = self.machine.namespace(node.name)
        self.run_forms(namespace, node.forms)
        defined = {**namespace.own, **dict.fromkeys(namespace.macros), **dict.fromkeys(namespace.types)}
        if node.exports is None:
            exports = tuple(defined)
        else:
            for name in node.exports:
                if name not in defined:
                    close = nearest(name, defined)
                    raise EvalError(
                        f"module '{node.name}' exports '{name}', which it does not define",
                        kind="module-error",
                        span=node.span,
                        hint=f"did you mean `{close[0]}`?" if close else "define it, or take it out of :exports",
                    )
            exports = node.exports
        module = LoadedModule(node.name, node.version, namespace, exports)
        self.loaded[(node.name, node.version)] = module
        if node.version is not None:
            self.loaded.setdefault((node.name, None), module)
        if self.machine.current is not None:  # its qualified names are no longer unknown there
            self.machine.current.expected.add(f"{node.name}/")
        return Map([("name", node.name), ("exports", Vector(list(exports)))])

    def load(self, name: str, version: str | None = None) -> LoadedModule:
        """The module of a name: from memory, else from its file.

        Raises:
            EvalError: `module-not-found`, `module-error` (a cycle, a file without the module), or what its forms raise.
        """
        found = self.loaded.get((name, version))
        if found is not None:
            return found
        if name in self._loading:
            raise self._cycle(name)
        text = self._prepared.get(name) or self._source_of(name)
        if text is None:
            raise EvalError(
                f"Module not found: {name}{f':{version}' if version else ''}",
                kind="module-not-found",
                hint=f"it would be in {name.replace('.', '/')}.rtfs on the module path",
            )
        self._loading.append(name)
        try:
            self.run_file(self.machine.namespace(None), text, name)
        finally:
            self._loading.pop()
        found = self.loaded.get((name, version))
        if found is None:
            raise EvalError(f"the file of module '{name}' does not define its version {version}", kind="module-not-found")
        return found

    def forms_of(self, name: str) -> list[Any] | None:
        """The forms of a module's file, None when there is no file; nothing is run."""
        prepared = self._prepared.get(name)
        if prepared is not None:
            return list(prepared)
        source = self._source_of(name)
        return None if source is None else self.module_forms(source, name)

    def has(self, name: str) -> bool:
        """Whether a module, of any version, is in memory."""
        return any(known == name for known, _ in self.loaded)

    def _source_of(self, name: str) -> Source | None:
        return self.find(name) if _is_safe(name) else None

    def module_forms(self, source: Source, name: str) -> list[Any]:
        """The forms of the file of a module.

        Raises:
            ParseError; EvalError: `module-error`, when the file holds something else.
        """
        from rtfs.syntax.analyse.modules import module_of

        forms = self.read(source)
        names = [n for n in map(module_of, forms) if n is not None]
        if names != [name]:
            held = ", ".join(names) or "none"
            raise EvalError(
                f"{source.name} must hold the module '{name}' and no other, and holds {held}",
                kind="module-error",
                hint=f"write (module {name} …)",
            )
        return forms

    def _cycle(self, name: str) -> EvalError:
        cycle = [*self._loading[self._loading.index(name) :], name]
        return EvalError(f"modules import each other in a circle: {' -> '.join(cycle)}", kind="module-error")

    def import_into(self, namespace: Namespace, node: ast.Import) -> None:
        """Carry out an `import` form."""
        module = self.load(node.module, node.version)
        prefix = node.alias or node.module
        if node.alias is not None or node.only is None:
            for name in module.exports:
                self._bind(namespace, module, name, f"{prefix}/{name}")
        for name in node.only or ():
            if name not in module.exports:
                close = nearest(name, module.exports)
                raise EvalError(
                    f"Symbol '{name}' not exported by module '{node.module}'",
                    kind="module-error",
                    hint=f"did you mean `{close[0]}`?" if close else f"it exports: {', '.join(module.exports[:8]) or 'nothing'}",
                )
            self._bind(namespace, module, name, name)

    def _bind(self, namespace: Namespace, module: LoadedModule, name: str, label: str) -> None:
        inner = module.namespace
        if name in inner.own:
            namespace.values[label] = inner.values[name]
            namespace.declared.add(label)
            if namespace.watch is not None:
                namespace.watch(label, inner.values[name])
        if name in inner.macros:
            namespace.macros[label] = inner.macros[name]
        if name in inner.types:
            namespace.types[label] = inner.types[name]

    def qualified(self, namespace: Namespace, module: str, symbol: str) -> tuple[bool, Any]:
        """The export `module/symbol` of a module that was not imported by that name; loads it on demand.

        Raises:
            EvalError: `symbol-not-found` when there is such a module, but no such export.
        """
        if any(name.startswith(f"{module}/") for name in namespace.values):
            exports = [name.partition("/")[2] for name in namespace.values if name.startswith(f"{module}/")]
            raise _symbol_not_found(module, symbol, exports)
        name, _, version = module.partition(":")
        try:
            loaded = self.load(name, version or None)
        except EvalError as error:
            if error.kind == "module-not-found":
                return False, None
            raise
        if symbol in loaded.exports and symbol in loaded.namespace.values:
            return True, loaded.namespace.values[symbol]
        raise _symbol_not_found(module, symbol, list(loaded.exports))


def _symbol_not_found(module: str, symbol: str, exports: list[str]) -> RtfsError:
    close = nearest(symbol, exports)
    return EvalError(
        f"Symbol '{symbol}' not found in module '{module}'",
        kind="symbol-not-found",
        hint=f"did you mean `{module}/{close[0]}`?" if close else None,
    )


def _is_safe(name: str) -> bool:
    """Whether a module's name can be a relative path: no empty part, nothing that leaves the folder."""
    return all(part and not part.startswith("-") and "/" not in part and "\\" not in part for part in name.split("."))
