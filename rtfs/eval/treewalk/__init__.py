"""The tree evaluator: the AST as Python closures.

The reference that the compiled evaluator is checked against: it decides order and control flow, and takes every meaning from
`semantics/`.  Each node becomes one Python function of the environment, so that a node costs one Python call and the text of this
package stays close to the definition of the language.  `walker` holds the frame; the other modules register how each node
is made.
"""

from rtfs.eval.treewalk.walker import TreeWalker

__all__ = ["TreeWalker"]
