"""When machine code is made, and when it is given up again.

A function that may have machine code is replaced by a *stub*, in the function value itself, so that all callers meet it.  Its entry
goes from stage to stage:

- cold: the ordinary function answers, and calls are counted; of a function with loops the turns are counted too;
- hot, after so much of both, sooner when a function that it calls is: compiled, and from then on machine code answers;
- dropped: the ordinary function is put back, because there is no machine code for it, or it gave too many calls up.

A name that the code relies on gets another value: cold again.
"""

from __future__ import annotations

from rtfs.eval.compiled.support import transparent
from rtfs.eval.native.candidates import Look, is_candidate, look_at
from rtfs.eval.native.kinds import FLOAT, INT, NEVER, Unsupported, annotation, join, of_constant
from rtfs.eval.native.names import Names
from rtfs.eval.native.signals import LEAVE, UNFIT, Hot
from rtfs.eval.native.stubs import leave, stub, warming
from rtfs.values.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.eval.compiled.link import Linker
    from rtfs.eval.native.infer import Inference
    from rtfs.eval.native.instances import Instance

#: How much a function has to run before it is compiled, in calls and turns of loops, each times the size of the function: measured,
#: 2 to 8 ms of the ordinary tier, while compiling takes 8 to 16 ms.
HEAT = 800_000
#: So many times as much while LLVM is not loaded yet, which takes another 35 ms.
_FIRST = 4
#: So many times less once a function that it calls is hot: what is left of its time goes into calls of that.
_CALLER = 64
#: After so many calls a function without loops is looked at closely.
_LOOK_AT = 64
#: How often a function may be compiled again because a name has changed, or other kinds of operands came.
_REVISIONS = 4
#: A function is dropped after so many calls that machine code did not take or gave up, if they are more than one in four.
_MISSES = 16
#: Calls made anew inside one another before all functions go to the ordinary tier, until the outermost is done: a recursion that
#: cannot be carried out here would otherwise be tried again at every level.
_RERUNS = 8


class Candidate:
    """A function that may have machine code.

    Attributes:
        ordinary: the Python function of the ordinary tier.
        kinds: of the operands that came, for parameters that take several.
        names: the global names that its code relies on.
        code: its machine code.
        off: dropped.
    """

    def __init__(self, tier: NativeTier, name: str, function: Function, look: Look) -> None:
        self.tier = tier
        self.name = name
        self.function = function
        self.loops = look.loops
        self._weight = look.size
        self.ordinary = function.py
        self.count = len(function.spec.params)
        self.kinds = [NEVER] * self.count
        self.names: set[str] = set()
        self.code: Any = None
        self.off = False
        self._misses = 0
        self._revisions = 0
        self._turns = [0]  # of loops that are left; shared with the version that counts them
        self._entry, self._left = self._beginning()
        self.stub, self._switch = stub(self, self._entry, self.ordinary, self._left, self.count)
        function.py = function.env = self.stub
        self._version: tuple[str, Any, Any] | None = None  # name, ordinary function and switch
        self._stand_for_version()

    def _stand_for_version(self) -> None:
        """Put a stub in the place of the function's second body too, which code that knows its operands calls directly."""
        linker = self.tier.linker
        version = linker.versions.get(self.name)
        if version is not None and version.spec is self.function.spec:
            ordinary = linker.globals[version.key]
            linker.globals[version.key], switch = stub(self, self._entry, ordinary, self._left, self.count)
            self._version = version.key, ordinary, switch

    def enter(self, entry: Any, left: int = 0) -> None:
        """Let the stubs ask `entry` from now on, after `left` calls."""
        self._entry, self._left = entry, left
        self.update()

    def update(self) -> None:
        entry, left = (leave, 0) if self.tier.suspended else (self._entry, self._left)
        self._switch(entry, self.ordinary, left)
        if self._version is not None:
            _, ordinary, switch = self._version
            switch(entry, ordinary, left)

    # --- cold ---

    def _beginning(self) -> tuple[Any, int]:
        """The first stage: an entry, and how many calls go by before."""
        if not HEAT:  # tests
            return self._heated, 0
        return (self._warm_up, 0) if self.loops else (self._look, _LOOK_AT)

    def _patience(self) -> int:
        """Calls or turns until the function is hot."""
        return (HEAT if _loaded else HEAT * _FIRST) // self._weight

    def hurry(self) -> None:
        """A function that this one calls is hot."""
        if self.code is None and not self.off:
            self._turns[0] //= _CALLER
            self.enter(self._entry, self._left // _CALLER)

    def _look(self, *args: Any) -> Any:
        """After some calls of a function without loops: can there be machine code at all?"""
        if self._analysed(args) is not None:
            self.enter(self._heated, self._patience())
        return LEAVE

    def _heated(self, *args: Any) -> Any:
        return self.hot(args)

    @transparent
    def _warm_up(self, *args: Any) -> Any:
        """The first call of a function with loops: have their turns counted, if there can be machine code."""
        from rtfs.eval.native.warmup import counted

        if self._analysed(args) is None:
            return LEAVE
        left = self._turns = [self._patience()]

        def turn() -> None:
            left[0] -= 1
            if left[0] < 0 and not self.off:
                raise Hot

        version = counted(self.tier.linker, self.function.spec, turn)
        if version is None:
            self.drop()
            return LEAVE
        self.enter(warming(version, self, self.count))
        return self._entry(*args)

    # --- hot ---

    def _analysed(self, args: tuple[Any, ...]) -> tuple[Inference, Instance] | None:
        """The kinds of everything in the function for such operands; None when they do not fit, or there is no machine code."""
        from rtfs.eval.native.infer import Inference

        kinds = self._kinds(args)
        if kinds is None:
            return None
        names = Names(self.tier.linker.namespace)
        try:
            inference = Inference(names)
            root = inference.run(*names.lowered(self.function.spec), kinds)
        except Unsupported:
            self.drop()
            return None
        self.names = names.used
        self.tier.watch(self)
        return inference, root

    def _kinds(self, args: tuple[Any, ...]) -> list[str] | None:
        """The kinds of operands that have come, these included; None when one does not belong to its type."""
        kinds = []
        for parameter, arg, known in zip(self.function.spec.params, args, self.kinds, strict=True):
            kind, wanted = of_constant(arg), annotation(parameter.type)
            if kind != wanted and not (wanted == FLOAT and kind == INT):
                return None
            kinds.append(join(known, kind))
        self.kinds = kinds
        return kinds

    def hot(self, args: tuple[Any, ...]) -> Any:
        """Compile the function for operands like these, and make the call."""
        if self.code is not None:  # a call that began before
            return self._entry(*args)
        engine = self.tier.engine()
        found = self._analysed(args) if engine is not None else None
        if found is None:
            if engine is None:
                self.drop()
            return LEAVE
        from rtfs.eval.native.module import module_text

        try:
            self.code = engine.compile(module_text(*found), self.function.name or self.name)
        except RuntimeError as error:  # LLVM does not take what we wrote
            self.tier.fault(self, error)
            return LEAVE
        except Unsupported:
            self.drop()
            return LEAVE
        self._misses = 0
        self.enter(self.code.callable())
        self.tier.is_hot(self.name)
        return leave() if self.tier.suspended else self._entry(*args)

    def refit(self, args: tuple[Any, ...]) -> Any:
        """Machine code did not take the operands: compile it again if they are of another kind than those that came before."""
        before = self.kinds
        if self._kinds(args) in (None, before):
            self._missed()
            return LEAVE
        if not self._revise():
            return LEAVE
        self.code = None
        result = self.hot(args)
        return LEAVE if result is UNFIT else result

    def _revise(self) -> bool:
        """Whether it may be compiled once more."""
        self._revisions += 1
        if self._revisions > _REVISIONS:
            self.drop()
        return not self.off

    # --- calls that are given up ---

    def _missed(self) -> None:
        """A call was not carried out by machine code."""
        self._misses += 1
        if self.code is not None and self._misses >= _MISSES and self._misses * 4 > self.code.calls.value:
            self.drop()

    def rerun_begins(self) -> None:
        """Machine code gave the call up, and the ordinary function is about to answer."""
        self._missed()
        self.tier.reruns += 1
        if self.tier.reruns > _RERUNS:
            self.tier.suspend(True)

    def rerun_ends(self) -> None:
        self.tier.reruns -= 1
        if not self.tier.reruns and self.tier.suspended:
            self.tier.suspend(False)

    # --- changes ---

    def reset(self) -> None:
        """A name that the code relies on has another value: begin again."""
        self.code = None
        if self._revise():
            self.enter(*self._beginning())

    def replaced(self) -> None:
        """The ordinary tier gave the function new code."""
        self.ordinary = self.function.py
        self.function.py = self.function.env = self.stub
        self._version = None  # the old one stays as it is, for calls that are under way
        self._stand_for_version()
        self.reset()

    def drop(self) -> None:
        """Put the ordinary function back."""
        self.off = True
        self.code = None
        self.enter(leave)
        if self.function.py is self.stub:
            self.function.py = self.function.env = self.ordinary
        if self._version is not None:
            key, ordinary, _ = self._version
            self.tier.linker.globals[key] = ordinary
        self.tier.relink(self.name, self.function)


class NativeTier:
    """The functions of one namespace that may have machine code.

    Attributes:
        reruns: calls that are being made anew, inside one another.
        suspended: all functions are left to the ordinary tier.
    """

    def __init__(self, linker: Linker) -> None:
        self.linker = linker
        self.reruns = 0
        self.suspended = False
        self._candidates: dict[str, Candidate] = {}  # by the name that the function was defined with
        self._watchers: dict[str, set[Candidate]] = {}  # name -> whose code relies on it

    def changed(self, name: str, value: Any) -> None:
        """A global name has a new value."""
        for candidate in self._watchers.pop(name, ()):
            if not candidate.off and name in candidate.names:
                candidate.reset()
        self.add(name, value)

    def add(self, name: str, value: Any) -> None:
        """Take in the value of a name, if it is a function that may have machine code."""
        if type(value) is Function and is_candidate(value):
            look = look_at(name, value.spec, self.linker.namespace.is_builtin)
            if look is not None and look.worth:
                self._candidates[name] = Candidate(self, name, value, look)

    def functions_replaced(self) -> None:
        """The ordinary tier gave some functions new code: put the stubs back."""
        for candidate in list(self._candidates.values()):
            if not candidate.off and candidate.function.py is not candidate.stub:
                candidate.replaced()

    def watch(self, candidate: Candidate) -> None:
        """Remember which names a candidate relies on."""
        for name in candidate.names:
            self._watchers.setdefault(name, set()).add(candidate)

    def is_hot(self, name: str) -> None:
        """A function has machine code from now on."""
        for candidate in self._watchers.get(name, ()):
            candidate.hurry()

    def relink(self, name: str, function: Function) -> None:
        if self.linker.namespace.values.get(name) is function:
            self.linker.update(name, function)

    def suspend(self, suspended: bool) -> None:
        """Leave all functions to the ordinary tier, or no longer."""
        self.suspended = suspended
        for candidate in self._candidates.values():
            candidate.update()

    def engine(self) -> Any:
        """LLVM, or None where it is not to be had."""
        return _engine()

    def fault(self, candidate: Candidate, error: RuntimeError) -> None:
        from rtfs.errors import InternalError
        from rtfs.ir.optimise import DEBUG

        candidate.drop()
        message = f"no machine code for {candidate.name}: {error}"
        if DEBUG:
            raise InternalError(message) from error
        self.linker.machine.host.warn(message, candidate.function.spec.span)


_loaded: list[Any] = []


def _engine() -> Any:
    if not _loaded:
        from rtfs.eval.native import engine

        try:
            _loaded.append(engine.Engine() if engine.layout_is_known() else None)
        except (ImportError, AttributeError, OSError, RuntimeError):  # missing, too old, or not for this processor
            _loaded.append(None)
    return _loaded[0]


def is_installed() -> bool:
    """Whether there is an llvmlite, told without loading it."""
    import sys
    from importlib.machinery import PathFinder

    if "llvmlite" in sys.modules:
        return sys.modules["llvmlite"] is not None
    return PathFinder.find_spec("llvmlite") is not None


def tier_of(linker: Linker) -> NativeTier | None:
    """A tier for a namespace; None where there is no llvmlite."""
    return NativeTier(linker) if is_installed() else None
