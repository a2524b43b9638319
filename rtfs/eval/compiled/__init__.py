"""The compiled evaluator: IR to Python code objects.

A function of a program becomes a plain Python function whose parameters are its parameters; a call of a global function is a call
through a Python global.  `generate` and the modules it names make Python `ast` nodes, `link` holds the global names, `places` finds
where an error happened from its traceback, `support` and `effects` are what generated code calls.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rtfs.eval.compiled.evaluator import CompiledEvaluator as CompiledEvaluator
else:

    def __getattr__(name):  # a stored program runs without the compiler
        if name != "CompiledEvaluator":
            raise AttributeError(name)
        from rtfs.eval.compiled.evaluator import CompiledEvaluator

        return CompiledEvaluator


__all__ = ["CompiledEvaluator"]
