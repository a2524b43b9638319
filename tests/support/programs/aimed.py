"""Programs aimed at one optimisation each: a few top-level forms, with generated expressions in them."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.programs.expressions import FLOATS, INTEGERS, KINDS, TYPES, Maker

Aim = Callable[[Maker], list[str]]
AIMS: list[tuple[int, Aim]] = []

#: Numbers at the edges of what a second body takes: 62 bits for factors, signs, zero, floats beside them.
EDGES = (
    *("4611686018427387903", "4611686018427387904", "-4611686018427387903", "-4611686018427387904", "-4611686018427387905"),
    *("4611686018427387902", "2147483647", "3037000499", "3037000500", "9223372036854775808", "-1", "0", "1", "-0.0", "1e308"),
)


def aim(weight: int) -> Callable[[Aim], Aim]:
    def register(function: Aim) -> Aim:
        AIMS.append((weight, function))
        return function

    return register


def operand(m: Maker) -> str:
    """An operand of a numeric function: mostly a number of one kind, at times at an edge, at times of no number."""
    c = m.c
    return c.weighted(
        ((50, c.pick(("0", "1", "2", "3", "5", "-1", "-4"))), (18, c.pick(FLOATS)), (18, c.pick(EDGES)), (6, c.pick(INTEGERS)), (8, m.leaf("any")))
    )


def caught(call: str) -> str:
    """A call whose error is a value, so that the next one runs."""
    return f"(try {call} (catch e [(:type e) (:message e)]))"


def calls(m: Maker, name: str, count: int) -> str:
    """Several calls with operands of different kinds, each by itself."""
    made = [f"({name} {' '.join([operand(m) for _ in range(count)])})" for _ in range(m.c.between(1, 4))]
    return f"[{' '.join([caught(call) for call in made])}]"


ARITHMETIC = (
    "(+ {} {})", "(- {} {})", "(* {} {})", "(mod {} {})", "(quot {} {})", "(rem {} {})", "(max {} {})", "(min {} {})", "(/ {} {})",
    "(* {} {} {})", "(+ {} {} {})", "(abs {})", "(inc {})", "(dec {})", "(- {})", "(mod {} 3)", "(quot {} 2)", "(* 2 {})", "(sqrt {})",
    "(abs (- {} {}))", "(max 0 {})", "(min {} 7)", "(/ {} 2.0)", "(* {} 0.5)", "(floor {})", "(count (str {}))", "(mod (abs {}) {})",
)  # fmt: skip


#: Ways round which a number may come: `{}` is a number, `?` a test.
DETOURS = (
    "(if ? {} {})", "(if ? {} {})", "(let [v {}] (+ v {}))", "(do {} {})", "(or {} {})", "(and ? {})", "(when ? {})", "(first [{} {}])",
    "(nth [{} {}] 1)", "(:k {:k {}})", "(match {} 1 {} z (+ z 1))", "(try {} (catch e {}))", "(let [v {} w (if ? v {})] (* w w))",
    "(let [[v w] [{} {}]] (- v w))", "((fn [v] (+ v v)) {})", "(loop [i 0 t {}] (if (< i 2) (recur (inc i) (+ t {})) t))",
    "(reduce + {} [{} 2])", "(let [v {}] (set! v {}) (+ v 1))", "(let [v {} h (fn [] v)] (+ (h) {}))", "(cond ? {} ? {} :else {})",
    "(reduce (fn [t i] (+ t (* i {}))) {} (range 3))", "(count (range {}))", "(if-let [v {}] v {})", "(get [{}] 0 {})", "(case {} 1 {} {})",
)  # fmt: skip


def formula(m: Maker, names: tuple[str, ...], depth: int = 2) -> str:
    """Arithmetic with some variables."""
    c = m.c
    if depth == 0 or c.chance(25):
        return c.pick(names) if c.chance(75) else c.pick(("1", "2", "3", "0.5", "10", "-1", "4611686018427387904"))
    made = c.pick(ARITHMETIC) if c.chance(75) else c.pick(DETOURS)
    parts = made.split("{}")
    return _with_tests(m, parts[0] + "".join([formula(m, names, depth - 1) + part for part in parts[1:]]), names)


def _with_tests(m: Maker, text: str, names: tuple[str, ...]) -> str:
    """Put conditions where a `?` stands by itself."""
    return " ".join([condition(m, names) if part == "?" else part for part in text.split(" ")])


def condition(m: Maker, names: tuple[str, ...]) -> str:
    c = m.c
    if c.chance(10):
        return c.pick(("true", "false", "nil", *names))
    return c.pick(("(< {} {})", "(>= {} {})", "(= {} {})", "(even? {})", "(odd? {})", "(zero? {})", "(neg? {})", "(pos? {})", "(not= {} {})", "(<= {} {})")).format(
        formula(m, names, 1), formula(m, names, 1)
    )


def signature(m: Maker, names: tuple[str, ...]) -> tuple[str, str]:
    """Parameters, annotated now and then, and the annotation of the result."""
    shown = [f"{name} : {m.c.pick(('int', 'float', 'number'))}" if m.c.chance(12) else name for name in names]
    return " ".join(shown), m.c.pick((" : int", " : float", " : number")) if m.c.chance(8) else ""


@aim(12)
def recursion(m: Maker) -> list[str]:
    """A function of one, two or three numbers that calls itself."""
    c = m.c
    names = ("n", "a", "b")[: c.between(1, 3)]
    rest = names[1:]

    def again() -> str:
        step = c.pick(("(- n 1)", "(- n 2)", "(dec n)", "(quot n 2)", "(- n 3)", "(mod n 2)" if c.chance(5) else "(- n 1)"))
        return f"(f {' '.join([step, *[formula(m, names, 1) for _ in rest]])})"

    around = c.pick(
        (
            "(+ {0} {1})", "(* {2} {0})", "(+ {2} {0})", "(- {0} {2})", "(max {0} {1})", "{0}", "(+ {0} {1} {0})", "(mod (+ {0} {1}) 7)",
            "(let [p {0} q {1}] (- p q))", "(if {3} {0} {1})", "(str {0} {2})", "(conj [{2}] {0})", "(do (println {2}) {0})", "(/ {0} {2})",
            "(let [p (+ {0} 1)] (* p {2}))", "(min {2} {0})", "(quot {0} {2})",
        )
    )  # fmt: skip
    base = c.pick(("n", "1", "0", formula(m, names, 1), f"[{' '.join(names)}]", "0.5", "(str n)"))
    test = c.pick(("(< n 2)", "(<= n 0)", "(< n 1)", "(not (> n 1))", "(or (< n 1) (= n 1))"))
    params, result = signature(m, names)
    value = around.format(again(), again(), formula(m, names, 1), condition(m, names))
    made = [f"(defn f [{params}]{result} (if {test} {base} {value}))", calls(m, "f", len(names))]
    if c.chance(40):
        made.insert(1, f"(defn g [x] (let [r (f {' '.join(['x', *['2'] * len(rest)])})] {c.pick(('[r]', '(+ r 1)', '(* r r)', '(str r)'))}))")
        made.append(calls(m, "g", 1))
    return made


@aim(8)
def tail_calls(m: Maker) -> list[str]:
    """A function that starts itself again, with operands that change their kind on the way."""
    c = m.c
    names = ("n", "a", "b")[: c.between(2, 3)]
    next_values = [c.pick((formula(m, names), name, f"(str {name})" if c.chance(10) else formula(m, names, 1), f"[{name}]" if c.chance(10) else name)) for name in names[1:]]
    again = f"({c.pick(('f', 'f', 'recur'))} (- n 1) {' '.join(next_values)})"
    if c.chance(25):
        again = f"(if {condition(m, names)} {again} (f (- n 2) {' '.join(names[1:])}))"
    elif c.chance(20):
        again = f"(let [z {formula(m, names)}] {again.replace('(- n 1)', '(- n 1)')})"
    params, result = signature(m, names)
    base = c.pick((f"[{' '.join(names)}]", names[1], formula(m, names)))
    made = [f"(defn f [{params}]{result} (if (<= n 0) {base} {again}))", calls(m, "f", len(names))]
    if c.chance(30):
        made.append(f"(map (fn [q] (f q {' '.join([operand(m) for _ in names[1:]])})) [0 1 2.5 4])")
    return made


@aim(12)
def redefinition(m: Maker) -> list[str]:
    """A function that other code has taken for granted gets another meaning: at the top level, by `set!`, inside a call."""
    c = m.c
    body = c.pick((formula(m, ("x",)), m.bound([("x", "int")], lambda: m.expr("any", 2))))
    made = [f"(defn f [x] {body})"]
    users = [
        "(defn g [x] (+ 1 (f x)))", "(defn g [x] (map f [x x]))", "(defn g [x] (reduce (fn [a b] (+ a (f b))) 0 [x 2]))",
        "(defn g [x] (let [h (fn [y] (f y))] (h x)))", "(defn g [x] (for [i (range 2)] (f (+ i x))))", "(defn g [x] (if (= x 0) :end (f (- x 1))))",
        "(defn g [x] (loop [i 0 t 0] (if (< i 3) (recur (inc i) (+ t (f i))) t)))", "(defn g [x] [(f x) (k x)]) (defn k [x] (f (f x)))",
        "(defn g [x] (filter f [x 1 2]))", "(defn g [x] (f (f x)))", "(def g (fn [x] (f x)))", "(def g (let [h f] (fn [x] [(h x) (f x)])))",
        "(def g (comp f f))", "(defn g [x] (apply f [x]))", "(defn g [x] (do (k x) (f x))) (defn k [x] (f x))",
    ]  # fmt: skip
    made.append(c.pick(users))
    before = f"(def before {caught(f'(g {operand(m)})')})"
    made.append(before)
    new = c.pick((f"(+ x {m.leaf('int')})", ":new", "(str x)", "(vector x)", formula(m, ("x",)), "(if (> x 0) (f (- x 1)) x)"))
    change = c.pick(
        (
            f"(defn f [x] {new})", f"(def f (fn [x] {new}))", f"(set! f (fn [x] {new}))", "(def f inc)", "(def f :k)", "(def f 5)",
            f"(defn change [y] (def z y) (set! f (fn [x] {new})))", f"(defn f [x & r] {new})", f"(defn f [x y] {new})", "(def f g)" if c.chance(3) else "(def f str)",
            f"(let [q 3] (set! f (fn [x] [q {new}])))", f"(do (defn f [x] {new}))",
        )
    )  # fmt: skip
    made.append(change)
    if change.startswith("(defn change"):
        made.append(c.pick(("(change 1)", "(map change [1 2])", "(def both [(g 1) (change 1) (g 1)])", "(defn late [x] [(f x) (change 1) (f x) (g x)]) (late 3)")))
    made.append(f"[before {caught(f'(g {operand(m)})')} {caught(f'(f {operand(m)})')}]")
    if c.chance(30):
        made += [f"(defn f [x] {m.bound([('x', 'int')], lambda: m.expr('int', 1))})", caught(f"(g {operand(m)})")]
    return made


BUILTINS = ("+", "-", "*", "<", "=", "inc", "map", "filter", "reduce", "range", "first", "rest", "empty?", "count", "conj", "str", "mod", "max", "nth", "get", "not", "even?", "assoc")


@aim(6)
def rebound_builtins(m: Maker) -> list[str]:
    """A built-in gets another meaning after code that used it ran."""
    c = m.c
    m.functions.append(("g", ("int", "vec"), "any"))
    body = m.bound([("x", "int"), ("xs", "vec")], lambda: m.expr("any", 3))
    name = c.pick([b for b in BUILTINS if f"({b} " in body] or BUILTINS)
    change = c.pick(
        (
            f"(def {name} list)", f"(defn {name} [& r] r)", f"(defn {name} [a b] [:mine a b])", f"(defn {name} [a] [:mine a])", f"(def {name} -)",
            f"(defn change [] (set! {name} vector))" if c.chance(30) else f"(def {name} vector)", f"(let [old {name}] (set! {name} (fn [a b] (old b a))))",
            f"(let [old {name}] (def {name}2 old))",
        )
    )  # fmt: skip
    return [
        f"(defn g [x xs] {body})",
        "(defn k [xs] (loop [ys xs t 0] (if (empty? ys) t (recur (rest ys) (+ t (first ys))))))",
        f"(def before [{caught('(g 2 [1 2 3])')} {caught('(k [1 2])')}])",
        change,
        f"[before {caught('(g 2 [1 2 3])')} {caught('(k [1 2])')} {caught(f'({name} 1 2)')}]",
    ]


ITEMS = (
    "[]", "[1 2 3]", "[1 2.5 3]", "[1 :k]", '"abc"', '""', "nil", "{:k 1 :j 2}", "(list 1 2 3)", "'()", "(rest [9 1 2])", "(rest (rest [5 6]))",
    "(take 2 [1 2 3])", "(drop 1 shared)", "(conj shared 4)", "shared", "(subvec shared 1 3)", "(range 4)", "(map inc shared)", "5", "(rest shared)",
    "[1.5 2.5 -0.0]", "[4611686018427387904 2]", "[[1 2] [3 4]]", "[nil 1]", "(butlast shared)", "(conj (rest shared) 8)", "['a]",
)  # fmt: skip


@aim(10)
def walks(m: Maker) -> list[str]:
    """Loops along sequences of every kind, with `conj` on the same buffer on the way."""
    c = m.c
    end = c.pick(("(empty? xs)", "(empty? xs)", "(= 0 (count xs))", "(nil? (first xs))", "(or (empty? xs) (neg? n))"))
    m.scope += [("xs", "vec"), ("n", "int"), ("acc", "any"), ("shared", "vec")]
    after = c.pick(
        (
            "(recur (rest xs) (conj acc (first xs)) (+ n 1))", "(recur (rest xs) acc (+ n (first xs)))", "(recur (rest xs) (conj acc (count xs)) n)",
            "(if (even? n) (recur (rest xs) acc (inc n)) (recur (rest xs) (conj acc (first xs)) (inc n)))",
            "(let [y (first xs)] (recur (rest xs) (conj acc y) (+ n y)))", "(recur (rest xs) (conj acc (fn [] (first xs))) n)",
            "(recur (rest (rest xs)) (conj acc (first xs)) n)", "(do (set! q (conj xs 99)) (recur (rest xs) (conj acc (count q)) n))",
            "(recur (rest xs) (conj acc xs) n)", "(recur (rest xs) (rest acc) n)", "(if (= (first xs) 2) [:found n acc] (recur (rest xs) acc (inc n)))",
            f"(recur (rest xs) (conj acc {m.expr('any', 2)}) (inc n))", f"(do {m.effect(1)} (recur (rest xs) acc {m.expr('int', 2)}))",
            "(recur (rest xs) (conj acc (loop [ys xs t 0] (if (empty? ys) t (recur (rest ys) (+ t (first ys)))))) n)",
            "(recur (rest xs) xs (* n 2))", "(recur (if (even? n) (rest xs) (rest (rest xs))) acc (inc n))", "(recur (rest acc) (rest xs) (dec n))",
        )
    )  # fmt: skip
    done = c.pick(("acc", "[acc n]", "[acc n xs]", "(count acc)", "n", "[(first xs) acc]", m.expr("any", 1)))
    loop = f"(if {end} {done} {after})"
    del m.scope[-4:]
    pre = ["(def shared [1 2 3])", "(def q nil)"]
    items = [c.pick(ITEMS) for _ in range(c.between(1, 3))]
    if c.chance(50):
        made = [f"(loop [xs {i} acc {c.pick(ITEMS)} n {operand(m)}] {loop})" for i in items]
    else:
        pre.append(f"(defn f [xs acc n] {loop.replace('(recur ', '(f ') if c.chance(50) else loop})")
        made = [f"(f {i} {c.pick(ITEMS)} {operand(m)})" for i in items]
    return [*pre, f"[{' '.join([caught(text) for text in made])}]", "shared"]


@aim(10)
def counts(m: Maker) -> list[str]:
    """Counting loops up and down, nested, with results that use the counter afterwards."""
    c = m.c

    def loop(i: str, total: str, names: tuple[str, ...], depth: int) -> str:
        op = c.pick(("<", "<=", ">", ">="))
        limit = c.pick(("0", "3", "-1", "2", *[n for n in names if n != i], "(count [1 2])", "2.5" if c.chance(20) else "4"))
        up = (op in "<=<") if c.chance(85) else c.chance(50)
        start = c.pick(("0", "1", "3", "5", "-2", "(+ 1 1)", names[0] if names else "0", "1.5" if c.chance(10) else "0"))
        test = f"({op} {i} {limit})" if c.chance(75) else f"({ {'<': '>', '<=': '>=', '>': '<', '>=': '<='}[op]} {limit} {i})"
        inner = (*names, i, total)
        value = formula(m, inner) if depth == 0 or c.chance(50) else loop("j", "u", inner, depth - 1)
        if c.chance(15):
            value = f"(conj {total} (fn [] {i}))"
        step = f"({c.pick(('inc', '+ 1'))} {i})" if up else c.pick((f"(dec {i})", f"(- {i} 1)"))
        again = f"(recur {step} {value})"
        if c.chance(15):
            again = f"(if {condition(m, inner)} {again} (recur {step} {total}))"
        elif c.chance(10):
            again = f"(if {condition(m, inner)} {again} {c.pick((i, total))})"
        elif c.chance(10):
            again = f"(do (println {i} {total}) {again})"
        done = c.pick((f"[{i} {total}]", total, i, f"(+ {i} 10)", f"(str {i})", formula(m, inner)))
        stop = f"(and {test} (not= {i} 9))" if c.chance(5) else test
        # a way that does not come to an end is cut off by the tree evaluator's limit
        form = f"(if {stop} {again} {done})" if c.chance(80) else f"(if (not {stop}) {done} {again})"
        first = c.pick(("0", "1", "0.0", "[]", "1.5", *names))
        return f"(loop [{i} {start} {total} {first}] {form})"

    body = loop("i", "t", ("n",), 1)
    return [f"(defn f [n] {body})", calls(m, "f", 1), caught(loop("i", "t", (), 1))]


@aim(10)
def pipelines(m: Maker) -> list[str]:
    """`map` over `filter` over `range` and so on, with errors and effects in different stages."""
    c = m.c

    def stage_function(names: tuple[str, ...], result: str) -> str:
        if c.chance(15):
            return c.pick(("inc", "str", "even?", "first", "abs", "odd?", "nil?", "count", "f"))
        body = c.pick(
            (
                formula(m, names, 1), formula(m, names, 2), condition(m, names), f"(do (println {names[0]}) {formula(m, names, 1)})",
                f"(if (= {names[0]} 3) (throw :three) {names[0]})", f"(/ 6 (- {names[0]} 2))", f"(set! seen (conj seen {names[0]}))",
                m.bound([(n, "int") for n in names], lambda: m.expr(result, 2)),
            )
        )  # fmt: skip
        return f"(fn [{' '.join(names)}] {body})"

    def source() -> str:
        return c.pick((*ITEMS, "(range 5)", "(range 1 6 2)", "(range 5 0 -1)", "(range 0)", "(range 1 4 0)", "(range 2.5)", "(range :k)", "(range 0 1000000000000 500000000000)"))

    text = source()
    for _ in range(c.between(1, 4)):
        name = c.pick(("x", "y"))
        head = c.pick(("map", "map", "filter", "remove"))
        text = f"({head} {stage_function((name,), 'bool' if head != 'map' else 'any')} {text})"
    if c.chance(50):
        total = c.pick(("+", "conj", "(fn [a b] (+ a b))", "(fn [[a k] b] [(+ a b) (inc k)])", "str", "max", stage_function(("a", "b"), "any"), "(fn [a b] (conj a b))"))
        first = c.pick(("0", "[]", "[0 0]", "1.0", "nil", '""', "4611686018427387904"))
        text = f"(reduce {total} {first} {text})"
    elif c.chance(30):
        text = f"(for [x {text} y (range 2)] {formula(m, ('x', 'y'), 1)})"
    elif c.chance(20):
        text = f"({c.pick(('count', 'first', 'sum', 'vec', 'empty?', 'sort', 'last'))} {text})"
    if c.chance(50):
        return ["(def shared [3 1 2])", "(def seen [])", "(defn f [x] (* x 2))", f"(defn g [n] {text})", f"[{caught('(g 3)')} seen]"]
    return ["(def shared [3 1 2])", "(def seen [])", "(defn f [x] (* x 2))", f"[{caught(text)} seen]", text]


@aim(6)
def folded(m: Maker) -> list[str]:
    """`reduce` with an accumulator that is taken apart, of which each turn makes a new one."""
    c = m.c
    names = ("p", "q", "r")[: c.between(1, 3)]
    parts = [formula(m, (*names, "x"), 1) if c.chance(75) else m.bound([(n, "int") for n in (*names, "x")], lambda: m.expr("any", 2)) for _ in names]
    value = f"[{' '.join(parts)}]"
    if c.chance(30):
        value = f"(if {condition(m, (*names, 'x'))} {value} [{' '.join(reversed(names))}])"
    elif c.chance(20):
        value = f"(let [z {formula(m, (*names, 'x'))}] {value})"
    elif c.chance(10):
        value = c.pick(("nil", "[x]", "(conj [x] p)"))
    start = "[" + " ".join([operand(m) for _ in names]) + "]" if c.chance(85) else c.pick(("nil", "[]", "[0 1]", "{:k 1}"))
    pattern = "[" + " ".join([n if c.chance(90) else "_" for n in names]) + (" & more]" if c.chance(10) else "]")
    text = f"(reduce (fn [{pattern} x] {value.replace(' & more', '')}) {start} {c.pick(ITEMS)})"
    if c.chance(40):
        text = f"(let [[{' '.join(names)}] {text}] {formula(m, names)})"
    elif c.chance(30):
        text = f"(loop [v {start} x 0] (let [{pattern} v] (if (< x 3) (recur {value} (inc x)) v)))"
    return ["(def shared [1 2 3])", f"(defn g [s] {text})", caught("(g 1)"), text]


@aim(5)
def captured(m: Maker) -> list[str]:
    """Closures made in loops, some of which change what they captured."""
    c = m.c
    body = c.pick(("i", "[i t]", "(set! t (+ t i))", "(do (set! i (+ i 10)) i)", "(fn [] i)", "(+ i n)", "(set! n (+ n i))"))
    made = c.pick(
        (
            f"(loop [i 0 t 0 fs []] (if (< i 3) (recur (inc i) (+ t i) (conj fs (fn [] {body}))) fs))",
            f"(for [i [1 2 3] t [5 6]] (fn [] {body}))", f"(let [t 0] (map (fn [i] (fn [] {body})) (range 3)))",
            f"(let [t 1 fs (atom [])] (dotimes [i 3] (swap! fs conj (fn [] {body}))) (deref fs))",
            f"(let [t 1] (reduce (fn [fs i] (conj fs (fn [] {body}))) [] (range 3)))",
            f"(let [t 1 fs []] (doseq [i [1 2]] (set! fs (conj fs (fn [] {body})))) fs)",
            f"(let [t 1] (loop [xs [1 2 3] fs []] (if (empty? xs) fs (let [i (first xs)] (recur (rest xs) (conj fs (fn [] {body})))))))",
            f"((fn mk [i t fs] (if (< i 3) (mk (inc i) (+ t 1) (conj fs (fn [] {body}))) fs)) 0 0 [])",
            f"(let [t 0] (for [i (range 3) :let [p (* i i)] :when (< p 4)] (fn [] [{body} p])))",
        )
    )  # fmt: skip
    return [f"(defn f [n] (let [fs {made}] [(map (fn [h] (h)) fs) (map (fn [h] (h)) fs)]))", "(f 1)", "(f 2.5)"]


@aim(5)
def texts(m: Maker) -> list[str]:
    """`str` and products near the limits of what is written as Python's formatting."""
    c = m.c
    big = c.pick(("(pow 10 30)", "(pow 2 62)", "(- (pow 2 62))", "4611686018427387904", "(pow 7 3000)", "(pow 2 2100)", "(factorial 25)", "-0.0", "1e300", "(pow 10 5000)"))
    name = c.pick(("(str n)", '(str "n" n)', '(str n " " n)', "(count (str n 1))", '(str "a" (* n n))', "(count (str (* n n n)))", '(str n 1.5 nil)', '(str (inc n) "b" n)', "(str (mod n 97) n)"))
    return [f"(defn f [n] {name})", f"[{caught(f'(f {big})')} {caught(f'(f {operand(m)})')} {caught(f'(f {operand(m)})')}]", f"(let [n {big}] {caught(f'(count {name})')})"]


@aim(4)
def products(m: Maker) -> list[str]:
    """Repeated products: beyond 62 bits, beyond the floats, and towards the limit of size."""
    c = m.c
    step = c.pick(("(* t n)", "(* t t)", "(* n t 2)", "(* t 1.5)", "(* t (- n))", "(+ t (* n n))", "(- (* t 3) n)"))
    turns = c.pick((1, 3, 5, 8, 12, 30))
    return [
        f"(defn f [n t i] (if (= i 0) t (f n {step} (- i 1))))",
        f"(defn g [n] (loop [i 0 t n] (if (< i {turns}) (recur (inc i) {step}) t)))",
        f"[{caught(f'(f {operand(m)} {operand(m)} {min(turns, 12)})')} {caught(f'(g {operand(m)})')}]",
        f"(reduce (fn [t n] {step}) {operand(m)} [2 3 -7 {operand(m)}])",
    ]


@aim(5)
def typed(m: Maker) -> list[str]:
    """Annotated functions that only work with numbers: what the native tier takes."""
    c = m.c
    kind = c.pick(("int", "float", "int", "bool"))
    names = ("n", "a", "b")[: c.between(1, 3)]
    kinds = [c.pick(("int", "float")) for _ in names]
    params = " ".join([f"{name} : {k}" for name, k in zip(names, kinds, strict=True)])
    value = condition(m, names) if kind == "bool" else formula(m, names, 3)
    if c.chance(40):
        value = f"(if {condition(m, names)} {value} {formula(m, names) if kind != 'bool' else 'false'})"
    if c.chance(35) and kind != "bool":
        value = f"(if (<= n 0) {formula(m, names, 1)} (+ {formula(m, names, 1)} (f (- n 1) {' '.join(names[1:])})))"
    elif c.chance(30) and kind != "bool":
        value = f"(loop [i 0 t {c.pick(('0', '0.0', 'n'))}] (if (< i 4) (recur (inc i) {formula(m, (*names, 't', 'i'), 1)}) {c.pick(('t', value))}))"
    return [f"(defn f [{params}] : {kind} {value})", calls(m, "f", len(names)), calls(m, "f", len(names))]


@aim(4)
def macros(m: Maker) -> list[str]:
    """Macros with operands in several places, spliced code, and fresh names."""
    c = m.c
    template = c.pick(
        (
            "`(let [t# ~a] [t# ~b t#])", "`(if ~a ~b nil)", "`(do (println ~a) ~b)", "`(loop [i# 0 s# ~b] (if (< i# 2) (recur (inc i#) (conj [s#] ~a)) s#))",
            "`(fn [x#] [x# ~a ~b])", "`(map (fn [q] (+ q ~a)) ~b)", "(list 'vector a b)", "`(try ~a (catch e# ~b))", "`(match ~a 1 ~b z# [z#])",
        )
    )  # fmt: skip
    first, second = m.expr("int", 2), m.expr("any", 2)
    return [f"(defmacro tw [a b] {template})", "(defmacro many [& body] `(do ~@body))", f"(tw {first} {second})", f"(many (println 1) (tw {m.leaf('int')} {m.leaf('vec')}))", f"(defn f [n] (tw n {second}))", caught("(f 2)")]


@aim(4)
def values_in_place(m: Maker) -> list[str]:
    """Collections of which older versions are kept while newer ones are made."""
    c = m.c
    step = c.pick(
        (
            "(conj t i)", "(assoc t 0 i)", "(assoc t i i)", "(conj (conj t i) i)", "(do (set! kept (conj kept t)) (conj t i))", "(into t [i])",
            "(update t 0 inc)", "(if (even? i) (conj t i) t)", "(concat t [i])", "(conj (rest t) i)", "(merge t {:k i})", "(assoc t :k (conj (get t :k []) i))",
            "(assoc-in t [:k :j] i)", "(dissoc t i)", "(let [u (conj t i)] (set! kept (conj kept u)) (conj t :again) u)", "(update t :k (fn [v] (conj (or v []) i)))",
            "(do (println t) (conj t i))", "(try (conj t i) (finally (set! kept (conj kept t))))", "(if (= i 2) kept (conj t i))", "(do (conj t 100) (conj t i))",
        )
    )  # fmt: skip
    start = c.pick(("[]", "{}", "shared", "other", "[1 2]", "(list 1)", "(rest shared)", "[[]]", "nil", "(take 2 shared)"))
    loop = c.pick(
        (
            f"(reduce (fn [t i] {step}) {start} (range 4))", f"(loop [i 0 t {start}] (if (< i 4) (recur (inc i) {step}) t))",
            f"(loop [i 0 t {start} all []] (if (< i 4) (recur (inc i) {step} (conj all t)) [t all]))", f"(let [t {start}] (for [i (range 3)] {step}))",
            f"(let [t {start}] (dotimes [i 3] (set! t {step})) t)", f"((fn go [i t] (if (< i 4) (go (inc i) {step}) t)) 0 {start})",
        )
    )  # fmt: skip
    return ["(def shared [1 2 3])", "(def other {:k [1] :j 2})", "(def kept [])", f"(defn g [z] {loop})", f"[{caught('(g 1)')} {caught('(g 2)')} shared other kept]", f"[{caught(loop)} shared other kept]"]


@aim(4)
def matching(m: Maker) -> list[str]:
    """`match` with many clauses over constants and shapes, called with values of each kind."""
    c = m.c
    clauses = []
    constants = ("0", "1", "2", '"a"', ":k", ":j", "nil", "true", "1.0", "'s", "-1", '""', "100000000000000000000", "-0.0", "false")
    shapes = ("[]", "[x]", "[x y]", "[:k x]", "[:j x y]", "[1 & r]", "{:k x}", "{:k :a}", "{:op :add :l x}", "(1 | 2 | 3)", "(x :when (int? x))", "[[x] y]", "(v @ [x 1])", "[:vector int]")
    for i in range(c.between(2, 7)):
        text = c.pick(constants) if c.chance(55) else c.pick(shapes)
        guard = c.pick(("", "", "", " when true", " when (do (println :guard) false)", " when (> v 1)" if text.startswith("(v @") else ""))
        result = f"[{i} x]" if "x" in text.replace("(x :", "x") and not text.startswith('"') else f"{i}"
        clauses.append(f"{text}{guard} {result}")
    last = " _ :other" if c.chance(70) else ""
    subjects = ("0", "1", "1.0", "2", '"a"', ":k", "nil", "true", "false", "[]", "[1]", "[1 2]", "[:k 5]", "[:j 1 2]", "{:k 1}", "{:k :a}", "{:op :add :l 3}", "(list 1 2)", "-0.0", "0.0", "'s", "100000000000000000000", "-1", "3", "##NaN", "[[7] 8]", "{}")
    values = " ".join([c.pick(subjects) for _ in range(c.between(2, 6))])
    return [f"(defn f [v] (match v {' '.join(clauses)}{last}))", f"(map (fn [v] {caught('(f v)')}) [{values}])", f"(f {c.pick(subjects)})"]


@aim(6)
def pairs(m: Maker) -> list[str]:
    """Loops inside loops over the same vector of vectors, in place or in a function; some items are not what the patterns want."""
    c = m.c
    width = c.between(1, 3)
    mine, others = ("a", "b", "d")[:width], ("u", "v", "w")[:width]

    def pattern(names: tuple[str, ...]) -> str:
        shown = ["_" if c.chance(15) else name for name in names]
        return f"[{' '.join(shown)}{c.pick(('',) * 12 + (' & r', ' :as r', ' q'))}]"

    def value(names: tuple[str, ...]) -> str:
        made = formula(m, names, 2)
        return c.pick((*(made,) * 6, f"(do (println {made}) {made})", f"[{made} p]", f"[{made} {made}]", f"(if {condition(m, names)} {made} 0.5)"))

    inner, outer = pattern(others), pattern(mine)
    names = (*[name for name in (*mine, *others) if name in (*inner[1:-1].split(), *outer[1:-1].split())], "1")
    body = c.pick(
        (
            f"(reduce (fn [t {inner}] {value((*names, 't'))}) {c.pick(('0', '0.0', '1', '[]'))} points)",
            f"(reduce (fn [[s t] {inner}] [{value((*names, 's'))} {value((*names, 't'))}]) [0 0.5] points)",
            f"(map (fn [q] (let [{inner} q] {value(names)})) points)",
            f"(filter (fn [{inner}] {condition(m, names)}) points)",
            f"(map (fn [{inner}] {value(names)}) points)",
            f"(for [{inner} points] {value(names)})",
        )
    )
    kind = c.pick((("0", "1", "2", "-3"), FLOATS, FLOATS, EDGES, ("1", "0.5", "2.0")))

    def item() -> str:
        numbers = " ".join([c.pick(kind) for _ in range(width)])
        odd = ("nil", "[]", f"(list {numbers})", f"(rest [0 {numbers}])", f"(conj [{numbers}] 1)", f"(butlast [{numbers} 1])", "[1 nil :k]", ":k", "{}", f"(vec (list {numbers}))")
        return c.pick(odd) if c.chance(12) else f"[{numbers}]"

    points = c.pick((*(f"[{' '.join([item() for _ in range(c.between(0, 4))])}]",) * 6, "nil", "(list [1 2] [3 4])", "{1 2 3 4}", "(range 3)"))
    let = f"(let [{outer} p] {body})"
    through = c.pick(
        (
            f"(map (fn [p] {let}) points)", f"(map (fn [{outer}] (let [p 2] {body})) points)", f"(reduce (fn [k p] (conj k {let})) [] points)",
            "(map (fn [p] (f p points)) points)", f"(for [p points] {let})",
            "(loop [n 2 points points] (if (= n 0) points (recur (dec n) (map (fn [p] (f p points)) points))))",
        )
    )  # fmt: skip
    define = [f"(def seen {points})", f"(defn f [{outer} points] (let [p 1] {body}))", f"(defn g [points] {through})"]
    return [*define, f"[{caught('(g seen)')} {caught('(g [[1.0 2.0 3.0] [0.5 0.25 1.5]])')}]", "(g seen)"]


@aim(4)
def constants(m: Maker) -> list[str]:
    """What can be worked out before it runs, with errors in it, and parts whose values nobody uses."""
    c = m.c
    literals = tuple([c.pick(("0", "1", "2", "-3", "0.5", "-0.0", "1e308", '"a"', ":k", "nil", "100000000000000000000", "##NaN")) for _ in range(3)])
    text = formula(m, literals, 3)
    unused = c.pick((text, f"(println {text})", f"(let [q {text}] nil)", "(fn [z] (println z))", f"[{text}]", f"{{:k {text}}}", f"(str {text})", f"(when (= 1 2) {text})"))
    body = c.pick((f"(do {unused} x)", f"(let [q {unused} r {text}] r)", f"(if {condition(m, literals)} {text} x)", f"(let [q {unused}] x)", text, f"(cond false {unused} :else (+ x {text}))"))
    return [f"(defn f [x] {body})", calls(m, "f", 1), caught(body.replace("x)", "1)"))]


@aim(3)
def anything_typed(m: Maker) -> list[str]:
    """Functions with annotations of any type, called with values that fit and others."""
    c = m.c
    kind, result = c.pick(KINDS), c.pick(KINDS)
    body = m.bound([("x", kind)], lambda: m.expr(result, 3))
    types = (TYPES[kind], "[:vector int]", "[:union int string]", "[:and int [:> 0]]", "[:enum :k 1]", "int?", "[:map [:k int]]", "[:tuple int any]")
    operands = " ".join([f"(catching (fn [] (f {m.expr(c.pick(KINDS), 1)})))" for _ in range(3)])
    return ["(defn catching [h] (try (h) (catch e (:message e))))", f"(defn f [x : {c.pick(types)}] : {c.pick((TYPES[result], 'any'))} {body})", f"[{operands}]"]

