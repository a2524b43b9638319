"""Which variables may hold a collection that nobody else can see, so that a change of it can be made in place.

    (reduce (fn [total x] (assoc total x 1)) {} xs)

The collection that `assoc` made in one turn is known to `total` alone when the next turn changes it, and is not needed unchanged
after that: the change may be made in place.  Whether the collection *is* one that a change in this function made is told at run
time: beside each variable marked here runs another that holds the table or the items of the collection while they are the
variable's own (`eval.compiled.changes`).  So what the first turn is given is copied, and everything else is left as it was.

What is decided here, for each place where such a variable is read, is what becomes of the collection (`Get.use`):

- `take`: it is changed, and nothing reads the variable before it has another value;
- `move`: it goes somewhere else, and nothing reads the variable before it has another value;
- `item`: something inside it is handed out, so that nothing inside may be changed in place from now on;
- `leak`: it is handed out itself, and the variable is read again;
- None: it is looked at and stays what it is, or the variable is not such a one.

Source: in-place update by last use, as in Koka and Lean 4, which count references at run time; here the flow of the values is
followed instead, within one function.
"""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.optimise import Counts
from rtfs.ir.scopes import inner_nodes, pattern_of, used, walk_function
from rtfs.syntax import nodes as ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rtfs.ir.optimise import Facts

Live = frozenset[ir.Var]

#: Built-ins whose first operand may be changed in place, apart from those that became `Update`s; how many operands they have then.
CHANGES = {"conj": 2, "conj!": 2, "dissoc": 2, "merge": 2, "into": 2}

#: The operand that comes last, however many there are.
_LAST = -1
#: Built-ins that look at an operand and keep nothing of it -> which operands; None: all.
_LOOKS: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(("count", "length", "empty?", "contains?", "not", "nil?", "vector?", "map?", "list?", "string?", "int?"), (0,)),
    **dict.fromkeys(("=", "not="), None),
}
#: Built-ins that hand out something inside an operand, but nothing that knows the operand itself.
_ITEMS: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(("get", "get-in", "nth", "first", "second", "last", "ffirst", "find", "keys", "vals", "select-keys"), (0,)),
    **dict.fromkeys(("frequencies", "distinct", "set-like", "reverse", "flatten", "rename-keys"), (0,)),
    **dict.fromkeys(("map", "filter", "remove", "keep", "mapcat", "map-indexed", "map-vals", "some", "some?", "every?"), (1,)),
    **dict.fromkeys(("not-every?", "not-any?", "group-by", "distinct-by", "max-by", "min-by", "take-while", "drop-while"), (1,)),
    **dict.fromkeys(("cons", "join", "interpose", "partition", "partition-all", "into", "merge"), (1,)),
    **dict.fromkeys(("concat", "zip", "interleave", "zipmap"), None),
    **dict.fromkeys(("sort", "sort-by", "reduce"), (_LAST,)),  # `reduce` may give its first total back
}
_NOTHING: Live = frozenset()


def run(unit: ir.Unit, facts: Facts) -> Counts:
    """Mark variables and the places where they are read."""
    counts = {"variables": 0}
    for fn in [unit.top, *unit.functions]:
        counts["variables"] += _Function(unit, facts, fn).run()
    return counts


class _Function:
    """One function, functions inside it apart."""

    def __init__(self, unit: ir.Unit, facts: Facts, fn: ir.Fn) -> None:
        self.unit = unit
        self.facts = facts
        self.fn = fn
        self.candidates: set[ir.Var] = set()
        self.sources: dict[ir.Var, list[ir.Node]] = {}  # what a candidate is given
        self.reads: list[ir.Get] = []  # of candidates
        self.pinned: Live = _NOTHING  # read by what may come after anything: a handler, the same loops once more
        self.again: dict[ir.Node, Live] = {}  # loop -> what a new turn may read
        self.left: Live = _NOTHING  # read after the innermost loop that `Stop` leaves

    def run(self) -> int:
        nodes = list(walk_function(self.unit, self.fn))
        if not any(self.is_change(node) for node in nodes):
            return 0
        self.find_candidates(nodes)
        if not self.candidates:
            return 0
        self.again[self.fn] = self.read_again([*self.fn.prepare, self.fn.body], _NOTHING)
        after = self.visit(self.fn.body, _NOTHING)
        for node in reversed(self.fn.prepare):
            after = self.visit(node, after)
        owned = self.settle(nodes)
        for node in self.reads:
            if node.var not in owned:
                node.use = None
        return len(owned)

    # --- candidates ---

    def is_change(self, node: ir.Node) -> bool:
        if isinstance(node, ir.Update):
            return True
        return (
            isinstance(node, ir.Call)
            and isinstance(node.function, ir.GlobalGet)
            and CHANGES.get(node.function.name) == len(node.args)
            and self.facts.is_builtin(node.function.name)
        )

    def find_candidates(self, nodes: list[ir.Node]) -> None:
        """The variables whose every value comes from a place that is seen here, and that nothing but `Get`s reads."""
        stores: dict[ir.Var, int] = dict.fromkeys(self.fn.params, 1)
        refused: set[ir.Var] = set()
        if self.fn.ast is not None and self.fn.ast.rest is not None:
            refused.add(self.fn.params[-1])
        for node in nodes:
            if isinstance(node, ir.Set):
                stores[node.var] = stores.get(node.var, 0) + 1
                self.sources.setdefault(node.var, []).append(node.value)
            elif isinstance(node, (ir.Recur, ir.Call)):
                for var, arg in self.restarted(node):
                    self.sources.setdefault(var, []).append(arg)
            elif isinstance(node, (ir.Cases, ir.NoMatch, ir.Scan, ir.Times, ir.Blank)):
                refused.update(used(node))
            elif isinstance(node, ir.Special) and not isinstance(node.form, (ast.MakeVector, ast.MakeMap)):
                refused.update(self.inside(node))
            elif isinstance(node, ir.Try) and node.final is not None:
                refused.update(self.inside(node.final))
            pattern = pattern_of(node)
            if pattern is not None:
                for inner in inner_nodes(self.unit, pattern):
                    refused.update(self.inside(inner))
        self.candidates = {
            var
            for var, count in stores.items()
            if var not in refused
            and var.owner is self.fn
            and count == var.stores
            and not (var.captured or var.assigned or var.boxed or var.early or var.late)
        }

    def restarted(self, node: ir.Node) -> list[tuple[ir.Var, ir.Node]]:
        """The variables that get new values where a loop or function starts again, and what they get."""
        if isinstance(node, ir.Recur):
            variables = self.fn.params if isinstance(node.target, ir.Fn) else node.target.vars
            return list(zip(variables, node.args, strict=False))
        if isinstance(node, ir.Call) and node.itself is self.fn and node.tail and len(node.args) == len(self.fn.params):
            return list(zip(self.fn.params, node.args, strict=True))
        return []

    def inside(self, node: ir.Node) -> set[ir.Var]:
        """The variables that occur in a node."""
        found: set[ir.Var] = set()
        waiting = [node]
        while waiting:
            item = waiting.pop()
            found.update(used(item))
            waiting.extend(item.children())
            pattern = pattern_of(item)
            if pattern is not None:
                waiting.extend(inner_nodes(self.unit, pattern))
        return found

    def read_again(self, nodes: list[ir.Node], after: Live) -> Live:
        """What may be read once some nodes, the body of a loop, have run: by the next turn, or after the loop.

        A variable whose values all come from inside is not: scopes see to it that it gets one before it is read.
        """
        reads: set[ir.Var] = set()
        stored: dict[ir.Var, int] = {}
        waiting = list(nodes)
        while waiting:
            item = waiting.pop()
            if isinstance(item, ir.Get):
                if item.var in self.candidates:
                    reads.add(item.var)
            elif isinstance(item, ir.Set):
                stored[item.var] = stored.get(item.var, 0) + 1
            if not isinstance(item, ir.Fn):
                waiting.extend(item.children())
        return after | {var for var in reads if stored.get(var, 0) < var.stores}

    # --- backwards through the nodes ---

    def visit(self, node: ir.Node, live: Live, *, effect: bool = False) -> Live:
        """What may be read from here on.

        Args:
            live: what may be read after the node.
            effect: the node's value is not used.
        """
        if isinstance(node, ir.Get):
            if effect:
                return live
            return self.read(node, live, "move" if self.is_last(node.var, live) else "leak")
        if isinstance(node, ir.If):
            then = self.visit(node.then, live, effect=effect)
            otherwise = self.visit(node.otherwise, live, effect=effect)
            return self.look(node.test, then | otherwise)
        if isinstance(node, ir.Seq):
            live = self.visit(node.items[-1], live, effect=effect)
            for item in reversed(node.items[:-1]):
                live = self.visit(item, live, effect=True)
            return live
        if isinstance(node, ir.Set):
            if not effect:
                self.candidates.discard(node.var)  # its value is used twice
            return self.visit(node.value, live - {node.var})
        if isinstance(node, ir.Update):
            return self.update(node, live)
        if isinstance(node, ir.Call):
            return self.call(node, live)
        if isinstance(node, ir.Recur):
            return self.restart(node, self.again[node.target])
        found: Any = _VISITS.get(type(node))
        if found is not None:
            after: Live = found(self, node, live)
            return after
        return self.operands(list(node.children()), live)

    def is_last(self, var: ir.Var, live: Live) -> bool:
        return var not in live and var not in self.pinned

    def read(self, node: ir.Get, live: Live, use: str | None) -> Live:
        if node.var not in self.candidates:
            return live
        node.use = use
        self.reads.append(node)
        return live | {node.var}

    def look(self, node: ir.Node, live: Live) -> Live:
        """A node of which only the truth counts."""
        return self.read(node, live, None) if isinstance(node, ir.Get) else self.visit(node, live)

    def operands(self, nodes: list[ir.Node], live: Live) -> Live:
        for node in reversed(nodes):
            live = self.visit(node, live)
        return live

    def call(self, node: ir.Call, live: Live) -> Live:
        restarted = self.restarted(node)
        if restarted:
            return self.restart(node, self.again[self.fn] | live)
        if self.is_change(node):
            return self.change(node.args[0], [(arg, self.borrows(node, i + 1)) for i, arg in enumerate(node.args[1:])], live)
        kept: list[tuple[ir.Node, str | None]] = []
        for i, arg in enumerate(node.args):
            kept.append((arg, self.borrows(node, i)))
        return self.visit(node.function, self.passed(kept, live))

    def borrows(self, node: ir.Call, index: int) -> str:
        """What a call does with an operand: `look`, `item` or `leak`."""
        head = node.function
        if isinstance(head, ir.Const) and index == 0:
            return "item"  # a keyword
        if isinstance(head, ir.GlobalGet):
            for table, use in ((_LOOKS, "look"), (_ITEMS, "item")):
                if head.name in table:
                    which = table[head.name]
                    last = which is not None and _LAST in which and index == len(node.args) - 1
                    if (which is None or last or index in which) and self.facts.is_builtin(head.name):
                        return use
        return "leak"

    def passed(self, operands: list[tuple[ir.Node, str | None]], live: Live) -> Live:
        """Operands of a call, each with what the call does with it; it does so when all of them have been evaluated."""
        held = {arg.var for arg, use in operands if isinstance(arg, ir.Get) and use != "leak" and arg.var in self.candidates}
        live |= held
        for arg, use in reversed(operands):
            if isinstance(arg, ir.Get) and use != "leak":
                live = self.read(arg, live, "item" if use == "item" else None)
            else:
                live = self.visit(arg, live)
        return live

    def change(self, base: ir.Node, operands: list[tuple[ir.Node, str]], live: Live) -> Live:
        """A change of `base`, which happens when the operands have been evaluated."""
        if isinstance(base, ir.Get) and base.var in self.candidates:
            last = self.is_last(base.var, live)
            live = self.passed(list(operands), live | {base.var})
            return self.read(base, live, "take" if last else "leak")
        return self.visit(base, self.passed(list(operands), live))

    def update(self, node: ir.Update, live: Live) -> Live:
        base = node.base
        last = isinstance(base, ir.Get) and self.is_last(base.var, live)
        if isinstance(base, ir.Get) and base.var in self.candidates:
            live |= {base.var}
        live = self.visit(node.value, live)
        for item in reversed(node.operands):
            live = self.visit(item, live, effect=True)
        live = self.operands(node.keys, live)
        if isinstance(base, ir.Get):
            return self.read(base, live, "take" if last else "leak")
        return self.visit(base, live)

    def restart(self, node: ir.Recur | ir.Call, again: Live) -> Live:
        pairs = self.restarted(node)
        live = again - {var for var, _ in pairs}
        for _var, arg in reversed(pairs):
            live = self.visit(arg, live)
        return live

    # --- from marks to variables ---

    def settle(self, nodes: list[ir.Node]) -> set[ir.Var]:
        """Mark the candidates for which it is worth while: they may hold a collection of their own, and one is taken from them."""
        may: set[ir.Var] = set()
        wanted = {node.var for node in self.reads if node.use == "take"}
        changed = True
        while changed:
            changed = False
            for var, sources in self.sources.items():
                if var not in self.candidates:
                    continue
                leaves = [leaf for source in sources for leaf in values(source)]
                if var not in may and any(
                    self.is_change(leaf) or (isinstance(leaf, ir.Get) and leaf.use == "move" and leaf.var in may) for leaf in leaves
                ):
                    may.add(var)
                    changed = True
                if var in wanted:
                    for leaf in leaves:
                        if isinstance(leaf, ir.Get) and leaf.use == "move" and leaf.var not in wanted:
                            wanted.add(leaf.var)
                            changed = True
        owned = may & wanted & self.candidates
        for var in owned:
            var.owned = True
        for node in nodes:
            if isinstance(node, ir.Update) and len(node.keys) > 1:
                base = bottom(node)
                if isinstance(base, ir.Get) and base.use == "take" and base.var in owned:
                    base.var.deep = True
        return owned


def values(node: ir.Node) -> list[ir.Node]:
    """The nodes one of which gives a node its value, through choices and sequences."""
    if isinstance(node, ir.If):
        return [*values(node.then), *values(node.otherwise)]
    return values(node.items[-1]) if isinstance(node, ir.Seq) else [node]


def bottom(node: ir.Node) -> ir.Node:
    """What the innermost of several changes, one on top of the other, starts from."""
    while True:
        if isinstance(node, ir.Update):
            node = node.base
        elif isinstance(node, ir.Call) and isinstance(node.function, ir.GlobalGet) and node.function.name in CHANGES and node.args:
            node = node.args[0]
        else:
            return node


# --- other nodes -----------------------------------------------------------------------------


def _logic(f: _Function, node: ir.Logic, live: Live) -> Live:
    following = live
    for item in reversed(node.items):
        following = f.visit(item, live | following)
    return following


def _loop(f: _Function, node: ir.Loop, live: Live) -> Live:
    f.again[node] = f.read_again([node.body], live)
    return f.visit(node.body, live)


def _turns(f: _Function, body: ir.Node, live: Live, *, value: bool = False) -> Live:
    """The body of a loop that runs any number of times, and what may be read before it does."""
    again = f.read_again([body], live)
    outer, f.left = f.left, live
    before = f.visit(body, again, effect=not value)
    f.left = outer
    return before | again


def _stop(f: _Function, node: ir.Stop, live: Live) -> Live:
    return f.left


def _items(f: _Function, node: ir.Node, live: Live) -> Live:
    """What a loop goes through: it takes the items at the start."""
    return f.read(node, live, "item") if isinstance(node, ir.Get) else f.visit(node, live)


def _each(f: _Function, node: ir.Each, live: Live) -> Live:
    return _items(f, node.items, _turns(f, node.body, live))


def _scan(f: _Function, node: ir.Scan, live: Live) -> Live:
    if not node.fused:
        return _items(f, node.items, _turns(f, node.body, live))
    # one turn of each loop after the other, and all of it once more after an error
    outer = f.pinned
    f.pinned = f.pinned | f.read_again([node], live)
    live = _items(f, node.items, _turns(f, node.body, live))
    f.pinned = outer
    return live


def _times(f: _Function, node: ir.Times, live: Live) -> Live:
    return f.visit(node.count, _turns(f, node.body, live, value=True))


def _collect(f: _Function, node: ir.Collect, live: Live) -> Live:
    return f.visit(node.body, live, effect=True)


def _try(f: _Function, node: ir.Try, live: Live) -> Live:
    handled = live
    for clause in node.catches:
        handled |= f.visit(clause.body, live)
    outer = f.pinned
    f.pinned = f.pinned | handled
    live = f.visit(node.body, live)
    f.pinned = outer
    return live | handled


def _cases(f: _Function, node: ir.Cases, live: Live) -> Live:
    found = f.visit(node.otherwise, live)
    for clause in reversed(node.clauses):
        taken = f.visit(clause.body, live)
        found |= f.visit(clause.guard, taken | found) if clause.guard is not None else taken
    return found


def _nothing(f: _Function, node: ir.Node, live: Live) -> Live:
    return live


_VISITS = {
    ir.Logic: _logic,
    ir.Loop: _loop,
    ir.Each: _each,
    ir.Scan: _scan,
    ir.Times: _times,
    ir.Collect: _collect,
    ir.Stop: _stop,
    ir.Try: _try,
    ir.Fn: _nothing,
    ir.Cases: _cases,
}
