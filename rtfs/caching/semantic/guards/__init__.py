"""The vetoes: each looks at two texts and may refuse that one's answer serves for the other, with a reason in words.

A guard is a function of an `Alignment` that returns the reason, or None when it has nothing against the pair.  Guards know the
language, not the task: none of them learns, and a program cannot switch a single one off, only add a `Verifier` after them.  They
are symmetric: what is refused one way is refused the other way, with the same name.
"""
