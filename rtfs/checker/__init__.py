"""The static checker: what `rtfs check` finds in a program without running it (reference 4.5).

The types are gradual.  `any` is consistent with everything, and an error is reported only where it is certain: no value of the
type that was found can belong to the type that is wanted.  What is merely possible is a warning, and only where somebody wrote
the type down.  So a program without annotations is checked too, and one that runs well is not complained about.

    program     the forms of a file: analysed, declared, checked in order; modules and imports
    infer       the type of an expression, with what is known about the names at that place (`flow`)
    functions   `fn`; arity, operands and results of calls; `unify` binds the type variables of built-ins
    choice      `if`, `and`, `or`, `match`, `do`
    loops       `loop`, `for`, `dotimes`
    forms       the other special forms
    special     built-ins whose result depends on more than types can say (`get`, `assoc` with a literal key …)
    patterns    which values a pattern matches, and what it binds: unreachable clauses, cases that are missing
    narrowing   what a test says about the names in it
    names       bindings that nothing uses
    repeating   which parts of a loop are evaluated without a bound
    taint       where text comes from, and which prompts it reaches
    effects     which functions have effects, which delegate
    allowed     warnings that a function says are meant
    lints       delegated calls that may cost more, or tell more, than was meant
"""
