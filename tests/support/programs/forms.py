"""The special forms and core macros, each giving a value of a wanted kind."""

from __future__ import annotations

from tests.support.programs.expressions import FUNCTION_NAMES, KEYWORDS, KINDS, TYPES, Maker, anywhere

_TESTED = ("int", "any", "bool", "vec", "map", "str")


@anywhere(14)
def _if(m: Maker, kind: str, depth: int) -> str:
    shape = m.c.below(6)
    test = m.expr("bool", depth) if m.c.chance(80) else m.expr("any", depth)
    if shape == 1:
        return f"(when {test} {m.body(kind, depth)})"
    if shape == 2:
        return f"(cond {test} {m.expr(kind, depth)} {m.expr('bool', depth)} {m.expr(kind, depth)} :else {m.expr(kind, depth)})"
    if shape == 3:
        return f"({m.c.pick(('if-not', 'step-if'))} {test} {m.expr(kind, depth)} {m.expr(kind, depth)})"
    if shape == 4:
        return f"({m.c.pick(('when-not', 'unless'))} {test} {m.body(kind, depth)})"
    return f"(if {test} {m.expr(kind, depth)} {m.expr(kind, depth)})"


@anywhere(16)
def _let(m: Maker, kind: str, depth: int) -> str:
    parts: list[str] = []
    before = len(m.scope)
    for _ in range(m.c.between(1, 3)):
        other = m.c.pick(KINDS)
        name = m.name()
        if m.c.chance(8):
            target = m.c.pick(FUNCTION_NAMES)
            parts.append(f"{target} {m.function(('int',), 'int', depth)}")
            m.scope.append((target, "any"))
            continue
        value = m.expr(other, depth)
        text, bound = m.parameter(name, other)
        parts.append(f"{text} {value}")
        m.scope += bound
    body = m.body(kind, depth)
    del m.scope[before:]
    return f"(let [{' '.join(parts)}] {body})"


@anywhere(3)
def _letrec(m: Maker, kind: str, depth: int) -> str:
    name = m.c.pick(FUNCTION_NAMES)
    inner = m.bound([("n", "int")], lambda: m.expr(kind, depth))
    step = m.c.pick(("(- n 1)", "(dec n)", "(- n 2)"))
    around = m.c.pick(("{}", "(str {})", "(+ 1 {})", "(conj [n] {})", "(do (println n) {})"))
    head = m.c.pick(("let", "letrec"))
    return f"({head} [{name} (fn [n] (if (<= n 0) {inner} {around.format(f'({name} {step})')}))] ({name} {m.c.between(0, 4)}))"


@anywhere(3)
def _mutual(m: Maker, kind: str, depth: int) -> str:
    one, two = m.c.pick((("f", "g"), ("g", "k")))
    end = m.bound([("n", "int")], lambda: m.expr(kind, depth))
    return (
        f"(let [{one} (fn [n] (if (= n 0) {end} ({two} (- n 1)))) {two} (fn [n] (if (= n 0) {m.leaf(kind)} ({one} (- n 1))))]"
        f" ({one} {m.c.between(0, 5)}))"
    )


@anywhere(6)
def _do(m: Maker, kind: str, depth: int) -> str:
    return f"(do {m.effect(depth)} {m.expr(kind, depth)})"


@anywhere(9)
def _match(m: Maker, kind: str, depth: int) -> str:
    subject = m.c.pick(_TESTED)
    value = m.expr(subject, depth)
    clauses = []
    for _ in range(m.c.between(1, 4)):
        text, bound = _match_pattern(m, subject)
        guard = ""
        if m.c.chance(25):
            test = m.bound(bound, lambda: m.expr("bool", depth - 1))
            guard = m.c.pick((f" when {test}", f" (when {test})"))
        clauses.append(f"{text}{guard} {m.bound(bound, lambda: m.expr(kind, depth))}")
    last = f" _ {m.expr(kind, depth)}" if m.c.chance(75) else ""
    return f"(match {value} {' '.join(clauses)}{last})"


def _match_pattern(m: Maker, kind: str) -> tuple[str, list[tuple[str, str]]]:
    c = m.c
    name = m.name()
    how = c.below(7)
    if how == 0:
        return name, [(name, kind)]
    if how == 1:
        return c.pick(("[:union int string]", "[:vector int]", "[:and int [:> 3]]", "[:tuple int any]")) if c.chance(70) else "_", []
    if how == 2:
        inner, bound = _match_pattern(m, kind) if c.chance(30) else ("_", [])
        if name in [n for n, _ in bound]:
            return inner, bound
        return c.pick((f"({name} @ {inner})", f"(:as {name} {inner})")), [(name, kind), *bound]
    if how == 3:
        return f"({name} :when {m.bound([(name, kind)], lambda: m.expr('bool', 1))})", [(name, kind)]
    if how == 4:
        literals = [c.pick(_LITERALS[kind]) for _ in range(2)]
        return c.pick((f"({literals[0]} | {literals[1]})", f"(:or {literals[0]} {literals[1]})")), []
    if how == 5 and kind in ("vec", "map", "any"):
        return m.pattern(name, kind)
    return c.pick(_LITERALS[kind]), []


_LITERALS = {
    "int": ("0", "1", "2", "-1", "1.0"),
    "any": ("nil", ":k", "1", '"s"', "'sym", "[1]"),
    "bool": ("true", "false"),
    "vec": ("[]", "[1 _]", "[_ _ _]", "[4]", "nil", "[1 & _]"),
    "map": ("{}", "{:k 1}", "{:k _}", "{:k 1 :j _}"),
    "str": ('"a"', '""', '"12"'),
}


@anywhere(3)
def _case(m: Maker, kind: str, depth: int) -> str:
    subject = m.expr(m.c.pick(("int", "any", "str")), depth)
    return f'(case {subject} 1 {m.expr(kind, depth)} (2 3 :k) {m.expr(kind, depth)} "a" {m.leaf(kind)} {m.expr(kind, depth)})'


@anywhere(9)
def _try(m: Maker, kind: str, depth: int) -> str:
    c = m.c
    body = m.body(kind, depth) if c.chance(70) else f"(throw {c.pick((':k', '{:a 1}', m.leaf('str'), '(error :k :m 1)'))})"
    clauses = []
    for _ in range(c.between(0, 2)):
        selector = c.pick(("", "", "TypeError ", "DivisionByZero ", ":k ", "Exception ", "_ ", "IndexOutOfBounds ", "[:map [:a int]] "))
        use = m.bound([("e", "any")], lambda: m.expr(kind, depth))
        if c.chance(25):
            use = c.pick(("[(:message e) {}]", "(do (println (:type e) (:message e)) {})", "(do (println (:data e)) {})")).format(use)
        if selector == "_ ":
            clauses.append(f"(catch _ {m.expr(kind, depth)})")
        else:
            clauses.append(f"(catch {selector}e {use})")
    if not clauses or c.chance(35):
        clauses.append(f"(finally {m.effect(depth)})")
    return f"(try {body} {' '.join(clauses)})"


@anywhere(6)
def _logic(m: Maker, kind: str, depth: int) -> str:
    head = m.c.pick(("and", "or"))
    items = [m.expr(m.c.pick(("bool", kind, "any")), depth) for _ in range(m.c.between(1, 2))]
    return f"({head} {' '.join(items)} {m.expr(kind, depth)})"


@anywhere(8)
def _loop(m: Maker, kind: str, depth: int) -> str:
    """A counting loop with an accumulator."""
    c = m.c
    counter, total = c.pick((("n", "acc"), ("x", "y"), ("a", "b")))
    up = c.chance(60)
    start, end = (0, c.between(0, 5)) if up else (c.between(0, 5), 0)
    test = c.pick((f"(< {counter} {end})", f"(<= {counter} {end})", f"(not (>= {counter} {end}))", f"(> {end} {counter})")) if up else c.pick(
        (f"(> {counter} {end})", f"(>= {counter} {end})", f"(not (<= {counter} {end}))", f"(pos? {counter})")
    )
    step = c.pick((f"(inc {counter})", f"(+ {counter} 1)", f"(+ 1 {counter})")) if up else c.pick((f"(dec {counter})", f"(- {counter} 1)"))
    bound = [(counter, "int"), (total, kind)]
    first = m.expr(kind, depth)

    def rest() -> str:
        again = f"(recur {step} {m.expr(kind, depth)})"
        if c.chance(20):
            again = f"(do {m.effect(depth)} {again})"
        elif c.chance(15):
            again = f"(if {m.expr('bool', depth)} {again} (recur {step} {total}))"
        elif c.chance(10):
            again = f"(let [z {m.expr('int', depth)}] (recur {step} {m.expr(kind, depth)}))"
        done = c.pick((total, f"[{counter} {total}]", m.expr(kind, depth)))
        return f"(if {test} {again} {done})" if c.chance(80) else f"(if-not {test} {done} {again})"

    return f"(loop [{counter} {start} {total} {first}] {m.bound(bound, rest)})"


@anywhere(5)
def _along(m: Maker, kind: str, depth: int) -> str:
    """A loop along a sequence."""
    c = m.c
    items = m.expr(c.pick(("vec", "vec", "vec", "str", "map")), depth)
    bound = [("xs", "vec"), ("acc", kind)]
    first = m.expr(kind, depth)

    def turn() -> str:
        name = c.pick(("x", "y"))
        value = m.bound([(name, "int")], lambda: m.expr(kind, depth))
        done = m.expr(kind, depth)
        test = c.pick(("(empty? xs)", "(empty? xs)", "(nil? (first xs))", "(= 0 (count xs))"))
        return f"(if {test} {done} (let [{name} (first xs)] (recur (rest xs) {value})))"

    return f"(loop [xs {items} acc {first}] {m.bound(bound, turn)})"


@anywhere(4)
def _comprehension(m: Maker, kind: str, depth: int) -> str:
    c = m.c
    parts: list[str] = []
    before = len(m.scope)
    for i in range(c.between(1, 2)):
        name = ("x", "y")[i]
        items = m.expr("vec", depth)
        text, bound = m.parameter(name, "any") if c.chance(15) else (name, [(name, "int")])
        parts.append(f"{text} {items}")
        m.scope += bound
        if c.chance(25):
            parts.append(f"{c.pick((':when', ':while'))} {m.expr('bool', depth)}")
        if c.chance(15):
            parts.append(f":let [z {m.expr('int', depth)}]")
            m.scope.append(("z", "int"))
    body = m.expr(kind, depth)
    del m.scope[before:]
    made = f"(for [{' '.join(parts)}] {body})"
    return made if c.chance(60) else f"(last {made})"


@anywhere(4)
def _repeat(m: Maker, kind: str, depth: int) -> str:
    c = m.c
    how = c.below(4)
    if how == 0:
        return f"(dotimes [x {c.between(0, 3)}] {m.bound([('x', 'int')], lambda: m.body(kind, depth))})"
    if how == 1:
        items = m.expr("vec", depth)
        return f"(do (doseq [x {items}] {m.bound([('x', 'int')], lambda: m.effect(depth))}) {m.expr(kind, depth)})"
    if how == 2:
        return f"(let [n 0] (step-loop (< n {c.between(0, 3)}) (set! n (+ n 1))) {m.bound([('n', 'int')], lambda: m.expr(kind, depth))})"
    return f"(let [acc {m.expr(kind, depth)}] (dotimes [n {c.between(0, 3)}] (set! acc {m.bound([('n', 'int'), ('acc', kind)], lambda: m.expr(kind, depth))})) acc)"


@anywhere(10)
def _call(m: Maker, kind: str, depth: int) -> str:
    """A call of a global function, of a literal, of a macro."""
    c = m.c
    fitting = [f for f in m.functions if f[2] == kind] or m.functions
    if fitting and c.chance(75):
        name, kinds, _ = c.pick(fitting)
        operands = [m.expr(k, depth) for k in kinds]
        if c.chance(5):
            operands = operands[:-1] if c.chance(50) else [*operands, m.leaf("int")]
        if c.chance(5):
            return f"(apply {name} [{' '.join(operands)}])"
        return f"({name} {' '.join(operands)})" if operands else f"({name})"
    if m.macros and c.chance(60):
        name, count = c.pick(m.macros)
        return f"({name} {' '.join([m.expr(kind, depth) for _ in range(count)])})"
    kinds = tuple([c.pick(KINDS) for _ in range(c.between(0, 2))])
    if c.chance(15):
        operands = [m.expr("int", depth) for _ in range(c.between(0, 3))]
        body = m.bound([("r", "vec")], lambda: m.expr(kind, depth))
        return f"((fn [& r] {body}) {' '.join(operands)})"
    return f"({m.function(kinds, kind, depth)} {' '.join([m.expr(k, depth) for k in kinds])})"


@anywhere(5)
def _bound_if(m: Maker, kind: str, depth: int) -> str:
    value = m.expr("any", depth)
    name = m.name()
    then = m.bound([(name, "any")], lambda: m.body(kind, depth))
    if m.c.chance(50):
        return f"(when-let [{name} {value}] {then})"
    return f"(if-let [{name} {value}] {m.bound([(name, 'any')], lambda: m.expr(kind, depth))} {m.expr(kind, depth)})"


@anywhere(4)
def _threading(m: Maker, kind: str, depth: int) -> str:
    c = m.c
    how = c.below(3)
    if how == 0:
        return f"(-> {m.expr('int', depth)} inc (+ {m.expr('int', depth)}) (list {m.expr(kind, depth)}) last)"
    if how == 1:
        return f"(->> {m.expr('vec', depth)} (map {m.function(('int',), 'int', depth)}) (reduce {m.function((kind, 'int'), kind, depth)} {m.expr(kind, depth)}))"
    return f"(as-> {m.expr('any', depth)} x {m.bound([('x', 'any')], lambda: m.expr(kind, depth))})"


@anywhere(4)
def _host(m: Maker, kind: str, depth: int) -> str:
    c = m.c
    how = c.below(9)
    if how == 0:
        return f'(step "s" {m.body(kind, depth)})'
    if how == 1:
        return f'(step "p" :params {{"k" {m.expr("int", depth)}}} (do (println (get %params "k")) {m.expr(kind, depth)}))'
    if how == 2:
        return f"(:k (parallel [k {m.expr(kind, depth)}] [j {m.expr('any', depth)}]))"
    if how == 3:
        return f"(first ({c.pick(('parallel', 'step-parallel'))} {m.expr(kind, depth)} {m.expr('any', depth)}))"
    if how == 4:
        return f'(with-resource [m {{:on-close (fn [m] (println "closed" (:n m))) :n {m.expr("int", depth)}}}] {m.body(kind, depth)})'
    if how == 5:
        return f"(do (log-step :warn {m.expr('any', depth)}) {m.expr(kind, depth)})"
    if how == 6:
        return f"(do (context/set \"k\" {m.expr('any', depth)}) [{m.expr(kind, depth)} @k])"
    if how == 7:
        return f"^{{:note 1}} {m.expr(kind, depth)}"
    return f"(do (discover-agents {{}}) {m.expr(kind, depth)})"


@anywhere(3)
def _quoted(m: Maker, kind: str, depth: int) -> str:
    c = m.c
    return c.pick(
        (
            f"(last `(p ~{m.expr(kind, depth)}))",
            f"(last `[~@{m.expr('vec', depth)} ~{m.expr(kind, depth)}])",
            f"(:k `{{:k ~{m.expr(kind, depth)}}})",
            f"`(f ~@{m.expr('vec', depth)} ~{m.leaf(kind)} (g ~{m.leaf('int')}))",
        )
    )


@anywhere(5)
def _annotated(m: Maker, kind: str, depth: int) -> str:
    c = m.c
    name = m.name()
    if c.chance(50):
        value = m.expr(kind, depth)
        body = m.bound([(name, kind)], lambda: m.expr(kind, depth))
        return f"(let [{name} : {TYPES[kind]} {value}] {body})"
    other = c.pick(KINDS)
    body = m.bound([(name, other)], lambda: m.expr(kind, depth))
    return f"((fn [{name} : {TYPES[other]}] : {TYPES[kind]} {body}) {m.expr(other, depth)})"


@anywhere(5)
def _closure(m: Maker, kind: str, depth: int) -> str:
    """Functions that outlive the turn of the loop in which they were made."""
    c = m.c
    body = m.bound([("x", "int"), ("n", "int")], lambda: m.expr(kind, depth))
    change = c.pick(("", "(set! x (+ x 1)) ", "(set! n (+ n x)) "))
    made = c.pick(
        (
            f"(for [x [1 2 3]] (fn [] {change.replace('n', 'x')}{body}))",
            f"(map (fn [x] (fn [] {change.replace('n', 'x')}{body})) [1 2])",
            f"(loop [x 0 fs []] (if (< x 3) (recur (inc x) (conj fs (fn [] {change.replace('n', 'x')}{body}))) fs))",
            f"(reduce (fn [fs x] (conj fs (fn [] {change.replace('n', 'x')}{body}))) [] [1 2 3])",
            f"(let [n 1] (for [x [1 2]] (fn [] {change}{body})))",
        )
    )
    return f"(let [n 5] (last (map (fn [p] (p) (p)) {made})))"


@anywhere(2)
def _struct(m: Maker, kind: str, depth: int) -> str:
    if not m.structs:
        return m.leaf(kind)
    name = m.c.pick(m.structs)
    return f"(:k ({name} {{:k {m.expr(kind, depth)} :n {m.expr('int', depth)}}}))"


@anywhere(2)
def _keyword(m: Maker, kind: str, depth: int) -> str:
    key = m.c.pick(KEYWORDS)
    if m.c.chance(50):
        return f"({key} {{{key} {m.expr(kind, depth)}}})"
    return f"({key} {m.expr('map', depth)} {m.expr(kind, depth)})"
