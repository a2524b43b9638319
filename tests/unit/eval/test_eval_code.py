"""What the code generator makes of operations that it knows more about than the built-ins do, and that they mean the same."""

from __future__ import annotations

import pytest

from rtfs.eval.compiled import CompiledEvaluator
from rtfs.eval.treewalk import TreeWalker
from tests.differential.test_evaluators import check, outcome
from tests.support.code import python_of

#: (definitions, name of the function, text that is in its code, text that is not, calls)
CASES = {
    "a result whose type is known is not checked": (
        "(defn f [w :number h :number] : :number (* w h))",
        "f",
        "parameter w",
        "result",
        ["(f 3 0.5)", "(f 3 :x)", f"(f {10**40} 2.0)"],
    ),
    "a count needs no check of being a natural number": (
        "(defn f [x] : [:and int [:>= 0]] (let [m : [:union int string] (count x)] m))",
        "f",
        "",
        "mismatch",
        ["(f [1 2])", '(f "")', "(f 5)"],
    ),
    "a literal that fits its annotation is not checked": (
        "(defn g [xs : [:vector int] n : [:and int [:> 2]]] (+ n (count xs))) (defn f [] (g [1 2] 3))",
        "f",
        "",
        "mismatch",
        ["(f)"],
    ),
    "one that does not fit is": (
        '(defn g [xs : [:vector int]] (count xs)) (defn f [] (g [1 "a"]))',
        "f",
        "mismatch",
        "",
        ["(f)"],
    ),
    "a refinement that is not known to hold is checked": (
        "(defn f [n :int] : [:and int [:> 5]] (+ n 1))",
        "f",
        "result",
        "",
        ["(f 5)", "(f 4)", f"(f {2**70})"],
    ),
    "a quotient that only meets floats stays one, without a negative zero": (
        "(defn f [a b] (let [q (/ (+ a 0.5) b)] (* q (+ b 0.25))))",
        "f",
        "/ b + 0.0",
        "is_integer",
        ["(f 1.0 2.0)", "(f 1.5 2.0)", "(f -0.5 3.0)", "(f 1.0 0.0)", "(f 3.5 0)", "(f 1.0 :x)", "(f 1e308 1e-308)"],
    ),
    "a quotient whose value is wanted is an integer where it is whole": (
        "(defn f [a] (let [q (/ (+ a 0.5) 2.0)] [q (* q (+ a 0.25))]))",
        "f",
        "is_integer",
        "/ 2.0 + 0.0",
        ["(f 1.5)", "(f 1.0)", "(f -0.5)", "(f 1e300)", "(f (/ 1.0 0.3))"],
    ),
    "an integer beside a float is written as one": (
        "(defn f [x] (if (< (* (+ x 0.5) 3) 7) (- (+ x 0.5) 2) :no))",
        "f",
        "* 3.0 < 7.0",
        "",
        ["(f 0.5)", "(f 1e300)", "(f -1)", f"(f {10**400})", "(f true)"],
    ),
    "an integer that is no float exactly stays one": (
        f"(defn f [x] (* (+ x 0.5) {2**53 + 1}))",
        "f",
        str(2**53 + 1),
        "",
        ["(f 0.5)", "(f 1)"],
    ),
    "a remainder is compared with zero by its truth": (
        "(defn f [n] (if (= (mod n 3) 0) :three (if (odd? n) :odd (if (even? (quot n 2)) :four :even))))",
        "f",
        "if n & 1:",
        "% 3 == 0",
        ["(f 0)", "(f 9)", "(f 7)", "(f 8)", "(f -9)", "(f 1.5)", "(f true)"],
    ),
    "what a pattern does not name is not read": (
        "(defn f [v] (let [[_ b _] v] b))",
        "f",
        "[1]",
        "[0]",
        ["(f [1 2 3])", "(f [1 2])", "(f '(1 2 3))", "(f (rest [0 1 2 3]))", "(f :x)"],
    ),
    "many names of a pattern are read at once": (
        "(defn f [v] (let [[a b c d] v] [d c b a]))",
        "f",
        "a, b, c, d = ",
        "",
        ["(f [1 2 3 4])", "(f [1 2 3])", "(f (conj [1 2 3] 4))", "(f (take 4 [1 2 3 4 5]))", "(f (rest [0 1 2 3 4]))",
         "(let [v [1 2 3 4] w (conj v 5)] [(f v) w])", "(f nil)"],
    ),
    "a range whose ends are integers needs no look at them": (
        "(defn f [n m] (+ (quot n 2) (quot m 2) (reduce + 0 (range n m))))",
        "f",
        "range(n, m) if m - n < 1048576 else bounds(n, m)",
        "",
        ["(f 2 5)", "(f 0 0)", "(f 3 -3)", "(f 1.5 2)", "(f 0 100000000000)", "(f true 3)"],
    ),
    "what a loop has collected is added up at once": (
        "(defn g [n] (if (< n 2) 1 (+ (g (- n 1)) n)))\n"
        "(defn f [n] (reduce + 0 (reduce (fn [k x] (if (even? x) (conj k (g x)) (conj k 1))) [] (range n))))",
        "f",
        "sum(out",
        "",
        ["(f 5)", "(f 0)", "(f 1.5)"],
    ),
    "integers are added up in the loop that they come from, whatever it does": (
        "(defn g [n] (println n) (if (< n 2) 1 (+ (g (- n 1)) (if (= n 7) (throw :seven) n))))\n"
        "(defn f [n] (reduce + 0 (map (fn [x] (g x)) (range n))))",
        "f",
        "total = total + g",
        "out = ",
        ["(f 5)", "(f 0)", "(f 1.5)", "(f 9)", "(try (f 9) (catch e (f 3)))"],
    ),
    "what may fail is added up when all is there": (
        "(defn g [n] (println n) (if (< n 2) 1 :two))\n(defn f [n] (reduce + 0 (map (fn [x] (g x)) (range n))))",
        "f",
        "for item in out:",
        "",
        ["(f 2)", "(f 5)"],
    ),
    "an item of a loop that runs as one has no variable of its own where it is only added": (
        "(defn f [k n] (reduce + 0 (map (fn [x] (* x k)) (filter (fn [x] (not= (mod x k) 0)) (range n)))))",
        "f",
        "if x % k:",
        "",
        ["(f 3 20)", "(f 0 20)", "(f -3 20)", "(f 2.5 20)", "(f 0 0)", "(f 3 :x)", f"(f {2**40} 5)"],
    ),
    "along a sequence, items that are integers are tested once": (
        "(defn f [n xs] (loop [left xs best 0] (if (empty? left) best\n"
        "  (recur (rest left) (if (< (first left) n) (max best (first left)) (- best (first left)))))))",
        "f",
        "for left_item in left._buf[left._start:left._stop] if left._stop < 64",
        "",
        ["(f 3 [1 2 5 2])", "(f 3 [1 2.5 5 :x])", "(f 3 '(1 2))", "(f 3 [])", "(f 3 nil)", "(f 3 (range 100))",
         "(f 3 (rest [9 1 2]))", "(f 3 [true])", f"(f 3 [{2**80} 1])", "(f 3 {:a 1})"],
    ),
    "names that differ by constants share a variable": (
        "(defn f [n] (if (< n 2) n (+ (f (- n 1)) (f (- n 2)))))",
        "f",
        "if n < 4 else f_fast_1(n - 3) + f_fast_1(n - 4)",
        "n1",
        ["(f 0)", "(f 1)", "(f 2)", "(f 17)", "(f -5)", "(f 4.5)", "(f true)", f"(f (- {2**70}))"],
    ),
    "a name that several places want keeps its variable": (
        "(defn f [n] (let [m (- n 3)] (if (< m 5) [m m] (+ m n))))",
        "f",
        "m = n - 3",
        "",
        ["(f 1)", "(f 10)", "(f 2.5)"],
    ),
    "one that changes meanwhile too": (
        "(defn f [n] (loop [i n s 0] (if (< i 0) s (let [j (- i 2)] (recur (- j 1) (+ s (if (< j 3) 1 j)))))))",
        "f",
        "",
        "",
        ["(f 1)", "(f 10)", "(f 2.5)"],
    ),
    "`cons` in front of a vector": (
        "(defn f [x xs] (cons x xs))", "f", "vector([x, *xs._buf[xs._start:xs._stop]])", "",
        ["(f 1 [2 3])", "(f 1 '(2))", "(f 1 nil)", "(f 1 {:a 1})", '(f 1 "x")', "(f 1 (rest [1 2 3]))", "(f 1 (range 500))"],
    ),
    "`rest` and `last`": (
        "(defn f [xs] [(rest xs) (last xs) (first xs)])", "f", "window(xs._buf, xs._start + 1, xs._stop)", "",
        ["(f [1 2 3])", "(f [1])", "(f [])", "(f '(1 2))", "(f nil)", '(f "ab")', "(f (rest [1 2]))", "(f 5)"],
    ),
    "`get` of a map first": (
        "(defn f [m k] [(get m k) (get m k :none) (contains? m k)])", "f", "m._table.get(", "",
        ["(f {1 2} 1)", "(f {1 2} 1.0)", "(f {1.0 2} 1.0)", "(f {true 3 1 2} true)", "(f [5 6] 1)", "(f [5 6] 7)", "(f [5 6] -1)",
         "(f nil 1)", "(f {nil 1} nil)", "(f {[1] 2} [1])", "(f '(1 2) 0)", "(f [1] :a)", '(f "abc" "b")',
         "(f (assoc (zipmap (range 200) (range 200)) 7 :seven 500 :new) 7)", "(f (dissoc (zipmap (range 200) (range 200)) 7) 7)"],
    ),
    "what is known to be a vector is not asked": (
        "(defn f [n] (let [xs (concat [n] [2 3])] [(count xs) (first xs) (nth xs 1) (get xs 2) (empty? xs)]))",
        "f",
        "",
        "type(xs)",
        ["(f 1)"],
    ),
    "a vector that only grows is collected": (
        "(defn f [xs] (reduce (fn [kept x] (if (even? x) (conj kept (* x x)) kept)) [] xs))", "f", "out = [", "conj",
        ["(f [1 2 3 4])", "(f [])", "(f nil)", "(f [2 :x])", "(f (range 40))", '(f "ab")', "(f 5)"],
    ),
    "one that is looked at on the way is not": (
        "(defn f [xs] (reduce (fn [kept x] (conj kept [x (count kept)])) [] xs))", "f", "kept_own", "out",
        ["(f [1 2 3])", "(f [])"],
    ),
    "one that begins with something is not": (
        "(defn f [xs] (reduce conj [0] xs))", "f", "", "out = [", ["(f [1 2])", "(f nil)"],
    ),
    "one that is kept by a function is not": (
        "(defn f [xs] (map (fn [g] (g)) (reduce (fn [fs x] (conj fs (fn [] (count fs)))) [] xs)))", "f", "", "",
        ["(f [1 2 3])"],
    ),
    "one of which another name is given back": (
        "(defn f [xs] (reduce (fn [kept x] (let [y (* x 2)] (cond (> y 6) (conj kept y) (= y 2) kept :else (conj kept nil)))) [] xs))",
        "f", "out.append(None)", "", ["(f [1 2 3 4 5])", "(f [:x])", "(f [1 :x])"],
    ),
    "an empty map is no vector": (
        "(defn f [xs] (reduce conj {} xs))", "f", "", "out", ["(f [])", "(f [[1 2]])", "(f [{:a 1}])"],
    ),
    "`count` of vectors and strings": (
        "(defn f [x] (+ (count x) 1))", "f", "len(x) if x.__class__ is str", "",
        ["(f [1 2])", '(f "äb")', "(f {})", "(f {:a 1})", "(f '(1))", "(f nil)", "(f 5)", "(f (rest [1 2]))"],
    ),
    "what a value is, its class tells": (
        "(defn f [x] (+ (match x [a] (+ a 1) _ 0) (if (= x :x) 1 2)))", "f", "x.__class__ is Vector or x.__class__ is List", "type(",
        ["(f [1])", "(f '(2.5))", "(f [true])", '(f ["s"])', "(f :x)", "(f {})", "(map f [[1] '(2) 3 nil [4] {} :x [5]])"],
    ),
    "a function that matches stands where a loop calls it": (
        "(defn area [s] (match s [:square n] (* n n) {:kind :circle :r r} (* 3 r r) [:box a b c] when (> a 0) (* a b c) [] 0))\n"
        "(defn f [xs] (map (fn [x] (+ 1 (area x))) xs))",
        "f", "_table.get(", "area",
        ["(f [[:square 3] {:kind :circle :r 2} [:box 1 2 3] [] [:square 4]])", "(f [[:box 0 1 2]])", "(f [[:square :x]])", "(f [1])",
         "(do (f [[:square 3]]) (defn area [s] 7) (f [[:square 3]]))", "(f [{:kind :circle :r {}}])", "(f [[:box 2 2 []]])"],
    ),
    "of two calls, one": (
        "(defn size [s] (match s [a b] (+ a b) [a] a _ 0))\n(defn f [xs] (map (fn [x] [(size x) (size (rest x))]) xs))",
        "f", "size_1(", "", ["(f [[1 2] [3] [] [4 5 6]])", "(f [[:x 1]])", "(f [[1 :x]])", "(f [5])"],
    ),
    "a product of three in a function that stands where a loop calls it": (
        "(defn cube [x] (* x x x))\n(defn f [n] (map (fn [i] (cube i)) (range n)))", "f", "", "3(i, i, i)", ["(f 4)", "(f 0)", "(f :x)"],
    ),
    "a key is looked at once for a change that reads before it writes": (
        "(defn f [xs] (reduce (fn [seen x] (update seen x (fn [n] (if (nil? n) 1 (inc n))))) {} xs))", "f", "", "",
        ["(f [1 2 1])", "(f [1 1.0 true 1.0 nil :a [1] [1]])", "(f [])"],
    ),
    "the counter of a loop that is read inside a pattern at the end": (
        "(defn f [n : int] (loop [i 0] (if (< i n) (recur (inc i)) (let [{:keys [a] :or {a (* i 10)}} {}] a))))",
        "f", "for i in range(", "", ["(f 3)", "(f 0)", "(f -1)"],
    ),
    "a sequence that is read inside a pattern": (
        "(defn f [xs] (loop [left xs s 0] (if (empty? left) s\n"
        "  (recur (rest left) (+ s (first (for [{:keys [a] :or {a (+ (last left) (first left))}} [{}]] a)))))))",
        "f", "", "left_item", ["(f [1 2 3])", "(f '(5))", "(f [:x])", "(f [])"],
    ),
    "one product of integers of one digit is one comparison": (
        "(defn f [a b] (+ 1 (* a b)))", "f", f"< {2**30}", "",
        ["(f 3 4)", f"(f {2**40} {2**40})", f"(f {-2**30} 1)", f"(f {2**62} -1)", "(f 1.5 2)", "(f true 2)", f"(f {2**31} 1)"],
    ),
    "loops over the same vector of vectors take its items apart once": (
        "(defn f [points] (map (fn [[x y]] (reduce (fn [sum [a b]] (+ sum (* (- (* a 0.5) x) (- b y)))) 0.0 points)) points))",
        "f", "for a, b in t_1:\n                sum = sum + (a * 0.5 - x) * (b - y)", "",
        [
            "(f [[1.0 2.0] [0.5 -0.0] [##NaN 1e308]])", "(f [])", "(f [[1.0 2.0] [3 4.5]])", "(f [[1.0 2.0] [1.0]])", "(f [[1.0 :x] [1.0]])",
            "(f [[1.0 2.0] '(1.0 2.0)])", "(f [(rest [0 1.0 2.0])])", "(f [(conj [1.0] 2.0) (butlast [1.0 2.0 3.0])])", "(f [[1.0 2.0] nil])",
            "(f nil)", "(f {1.0 2.0})", "(f '([1.0 2.0]))", "(f [[1e308 1e308] [-1e308 1.0]])", "(let [p [1.0 2.0] q (conj p 3.0)] (f [p p]))",
        ],
    ),
    "names for the parts of a total are not stored": (
        "(defn f [xs] (reduce (fn [[s n] x] [(+ s x 0.5) (inc n)]) [0.0 0] xs))", "f", "arg01 = arg01 + 1", "s = arg00",
        ["(f [1.5 2.5])", "(f [])", "(f [1 2])", "(f [:x])"],
    ),
    "parts of a total that change places keep their names": (
        "(defn f [xs] (reduce (fn [[a b] x] [b (+ a b x)]) [0 1] xs))", "f", "", "", ["(f [1 2 3])", "(f [0.5])", "(f [])"],
    ),
    "parts of a total that are read in a loop after they were changed there": (
        "(defn f [xs] (reduce (fn [[a b] x] (reduce (fn [[c d] y] [(+ c a y) (+ d b)]) [a b] xs)) [0 1] xs))",
        "f", "", "", ["(f [1 2 3])", "(f [0.5 2])"],
    ),
    "parts of a total that are read when a choice was made": (
        "(defn f [xs] (reduce (fn [[a b] x] (if (< a b) [(+ a x) b] [(do (println a) b) (+ a b)])) [0 1] xs))",
        "f", "", "", ["(f [1 2 3])", "(f [0.5 2 -7 3])"],
    ),
    "parts of a total that a function takes with it": (
        "(defn f [xs] (map (fn [g] (g)) (second (reduce (fn [[n fs] x] [(+ n x) (conj fs (fn [] n))]) [0 []] xs))))",
        "f", "", "", ["(f [1 2 3])"],
    ),
    "a root of what is surely not negative needs no test": (
        "(defn f [x y] (let [s (+ (* x x) (abs (* y 0.5)) 0.25)] (* 2.0 (sqrt s))))", "f", "sqrt(s)", "s >= 0.0",
        ["(f 1.5 -2.0)", "(f ##NaN 1.0)", "(f ##-Inf 1.0)", "(f -0.0 -0.0)", "(f 3 4)", f"(f {10**200} 1)", "(f 1 :x)"],
    ),
    "a root of what may be negative needs one": (
        "(defn f [x y] (let [s (- (* x 0.5) (* y y))] (* 2.0 (sqrt s))))", "f", "s >= 0.0", "",
        ["(f 1.5 0.5)", "(f 1.0 2.0)", "(f ##NaN 1.0)", "(f ##-Inf 1.0)", "(f 3 1)"],
    ),
    "a quotient by what is surely not zero needs no test": (
        "(defn f [x] (let [q (/ 1.5 (* (+ (* x x) 0.25) (sqrt (+ (* x x) 0.25))))] (* q (+ x 0.5))))", "f", "+ 0.0", "2(1.5, t_2)",
        ["(f 1.0)", "(f ##NaN)", "(f ##Inf)", "(f -0.0)", "(f 1e308)", "(f 3)"],
    ),
    "a quotient by what rounding may bring to zero needs one": (
        "(defn f [x] (let [q (/ 1.5 (* (* x x) 0.5))] (* q (+ x 0.5))))", "f", "if t_1 else", "",
        ["(f 1.0)", "(f 1e-300)", "(f 0.0)", "(f ##NaN)", "(f 2)"],
    ),
    "items that are wanted whole come with their parts": (
        "(defn f [ps] (map (fn [p] (let [[x] p] (reduce (fn [sum q] (let [[y] q] (if (= p q) sum (+ sum (* x y))))) 0 ps))) ps))",
        "f", "y, q in", "", ["(f [[1] [2] [3]])", "(f [[1.5] [2]])", f"(f [[{2**62}] [{2**62}]])", "(f [[1] [2] 3])"],
    ),
    "an error in a turn comes before a later item that cannot be taken apart": (
        "(defn f [ps] (map (fn [[x y]] (reduce (fn [s [a b]] (+ s (/ a (- x b)))) 0.5 ps)) ps))", "f", "", "",
        ["(f [[1.0 1.0] [2.0]])", "(f [[1.0 2.0] [2.0]])", "(f [[1.0 1.0] [2.0 1.0]])"],
    ),
    "a function that goes through what does not change around it stands in place": (
        "(defn pull [[x y] points] (reduce (fn [sum [a b]] (+ sum (* (- (* a 0.5) x) (- b y)))) 0.0 points))\n"
        "(defn f [n points] (if (= n 0) points (f (dec n) (map (fn [p] [(pull p points) 0.5]) points))))",
        "f", "for a, b in", "pull(", ["(f 3 [[1.0 2.0] [0.5 0.25]])", "(f 1 [[1.0 2.0] [0.5]])", "(f 1 [[1.0 2.0] [1.0 :x]])", "(f 1 [[1.0 2.0] 5])"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_code(what: str) -> None:
    definitions, name, there, not_there, calls = CASES[what]
    made = python_of(definitions, name)
    assert there in made
    assert not not_there or not_there not in made
    for call in calls:
        text = f"{definitions}\n{call}"
        assert outcome(text, CompiledEvaluator) == outcome(text, TreeWalker)
        check(text)
