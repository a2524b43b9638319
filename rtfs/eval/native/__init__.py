"""The native tier: machine code, through LLVM, for functions of numbers and booleans.

    (defn fib [n : int] : int
      (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))

A global function whose parameters and result are annotated `int`, `float` or `bool`, and whose body stays in that world, is
compiled once it is hot: `tier` decides when, `infer` finds the kinds of all values, `generate` and `forms` write LLVM, `module` the
C function around it, `engine` makes it run.  It works on the plain IR, before any pass.

Such a function is pure, so a call can always be made again.  Whatever machine code cannot do exactly, above all an integer beyond
64 bits and every error, ends the call without a result, and the ordinary tier makes it anew: values, errors, their places and the
call stack are the ordinary tier's.  Recursion deeper than a part of the C stack goes the same way.  Under limits of steps, time or
a small depth the tier is off; it polls, so that control-C works and other threads get their turns.
"""
