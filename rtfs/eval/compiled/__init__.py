"""The compiled evaluator: IR to Python code objects.

A function of a program becomes a plain Python function whose parameters are its parameters; a call of a global function is a call
through a Python global.  `generate` and the modules it names make Python `ast` nodes, `link` holds the global names, `places` finds
where an error happened from its traceback, `support` and `effects` are what generated code calls.
"""

from rtfs.eval.compiled.evaluator import CompiledEvaluator

__all__ = ["CompiledEvaluator"]
