"""Calls of built-ins, by the kind of their values."""

from __future__ import annotations

from tests.support.programs.expressions import KINDS, Maker, gives

# Templates: `{int}` and the like are expressions of that kind, `{num}` is a number, `{fn:int}` a function of an integer to
# any kind, `{fn2:a,b:c}` one of two operands.
_CALLS: dict[str, str] = {
    "int": """
        (+ {int} {int}) (- {int} {int}) (* {int} {int}) (+ {int} {int} {int}) (- {int} {int} 1) (* 2 {int} {int}) (- {int})
        (mod {int} {int}) (quot {int} {int}) (rem {int} {int}) (mod {int} 3) (quot {int} 2) (mod {int} -3) (inc {int}) (dec {int})
        (abs {int}) (max {int} {int}) (min {int} {int}) (max {int} {num} {int}) (count {vec}) (count {str}) (count {map})
        (reduce {fn2:int,int:int} {int} {vec}) (reduce {fn2:int,int:int} {vec}) (reduce + 0 {vec}) (reduce max {int} {vec})
        (first {vec}) (last {vec}) (nth {vec} {int}) (nth {vec} 0) (nth {vec} {int} {int}) (get {vec} {int}) (get {map} :k {int})
        (:k {map}) (:j {map} {int}) (get-in {map} [:k 0]) (floor {num}) (ceil {num}) (round {num}) (int {any}) (pow {int} 2)
        (sum {vec}) (apply + {vec}) (apply max 1 {vec}) (string-length {str}) (parse-int {str}) (second {vec}) (trunc {num})
        (- {vec} 1) (+ 1 (count {vec})) (first (sort-by {fn:int:int} {vec})) (floor-mod {int} {int}) (% {int} 4) (factorial (mod {int} 6))
        (max-by {fn:int:int} {vec}) (reduce (fn [[p q] z] [(+ p z) (* q z)]) [0 1] {vec}) (reduce {fn2:any,int:any} nil {vec})
    """,
    "float": """
        (+ {float} {float}) (* {float} {num}) (- {num} {float}) (/ {num} {num}) (/ {float} {float}) (sqrt {num}) (float {int})
        (max {float} {num}) (min {num} {float}) (abs {float}) (inc {float}) (- {float}) (/ {int} 2) (/ {int} {int}) (dec {num})
        (+ {int} 0.5) (* 1.0 {int}) (reduce + 0.0 {vec}) (mod {float} 2) (rem {num} {float}) (quot {float} {num}) (pow {num} {num})
        (/ 1.0 {num}) (mean {vec}) (parse-float {str}) (+ {float} {int} {float}) (/ {int} 2 2)
    """,
    "str": """
        (str {any}) (str {int}) (str {str} {int}) (str "n" {int} "/" {any}) (str {int} {str} {int}) (join "," {vec}) (substring {str} 0 1)
        (string-upper {str}) (first {str}) (string-trim {str}) (reduce str {str} {vec}) (reduce str "" {vec}) (type-name {any})
        (name {any}) (pad-left {str} 3) (string-replace {str} "a" "b") (str) (str {float}) (str {str} {str}) (str {map} {vec})
        (serialize-json {vec}) (format "%s-%s" {int} {any}) (ex-message {any}) (re-find "[a-z]+" {str}) (last {str}) (nth {str} {int})
    """,
    "bool": """
        (< {num} {num}) (<= {int} {int}) (> {num} {int}) (>= {int} {num}) (= {int} {int}) (= {any} {any}) (not= {num} {num}) (not {any})
        (nil? {any}) (even? {int}) (odd? {int}) (zero? {num}) (pos? {num}) (neg? {num}) (empty? {vec}) (empty? {any}) (< {str} {str})
        (contains? {vec} {int}) (contains? {map} :k) (every? {fn:int:bool} {vec}) (some? {fn:int:bool} {vec}) (vector? {any}) (int? {any})
        (= {vec} {vec}) (= {float} {num}) (starts-with? {str} "a") (fn? {any}) (= :k {any}) (= {int} 1) (= nil {any}) (< 1 {int} 5) (= {str} "a")
        (string? {any}) (map? {any}) (!= {int} {num}) (not (= {int} {int})) (not (< {num} {num})) (not-any? {fn:int:bool} {vec})
    """,
    "vec": """
        [{int} {int}] [{any} {vec}] (conj {vec} {int}) (conj {vec} {any} {int}) (vector {int} {any}) (list {int} {int}) (rest {vec})
        (map {fn:int:int} {vec}) (map {fn:int:any} {vec}) (filter {fn:int:bool} {vec}) (remove {fn:int:bool} {vec})
        (map {fn:int:int} (filter {fn:int:bool} {vec})) (filter {fn:int:bool} (map {fn:int:int} {vec})) (map {fn:int:int} (map {fn:int:int} {vec}))
        (map {fn:int:int} (range {small})) (range {small}) (range {small} {small}) (range 0 {small} 2) (range {small} 0 -1) (range {num} 3)
        (reduce conj [] {vec}) (reduce {fn2:vec,int:vec} [] {vec}) (reverse {vec}) (take {small} {vec}) (drop {small} {vec}) (concat {vec} {vec})
        (sort {vec}) (sort-by {fn:int:any} {vec}) (sort > {vec}) (distinct {vec}) (assoc {vec} 0 {int}) (cons {int} {vec}) (subvec {vec} 0 1)
        (partition 2 {vec}) (mapcat {fn:int:vec} {vec}) (map-indexed {fn2:int,int:any} {vec}) (keys {map}) (vals {map}) (into {vec} {vec})
        (map {fn:any:any} {map}) (map {fn:any:any} {str}) (filter {fn:any:bool} {map}) (keep {fn:int:any} {vec}) (take-while {fn:int:bool} {vec})
        (drop-while {fn:int:bool} {vec}) (split {str} "") (flatten [{vec} {int}]) (interleave {vec} {vec}) (zip {vec} {vec}) (vec {any})
        (update {vec} 0 {fn:int:int}) ((juxt inc {fn:int:any}) {int}) (butlast {vec}) (conj (conj {vec} {int}) {int}) (interpose 0 {vec})
        (map (partial + {int}) {vec}) (map (comp {fn:int:int} {fn:int:int}) {vec}) (filter (complement {fn:int:bool}) {vec})
        (vec (rest {vec})) (rest (rest {vec})) (distinct-by {fn:int:any} {vec}) (apply concat [{vec} {vec}]) (apply list {vec})
        (reduce (fn [acc z] (conj acc z)) {vec} {vec}) (map str {vec}) (map :k [{map} {map}])
    """,
    "map": """
        {:k {int} :j {any}} (assoc {map} :k {int}) (assoc {map} {any} {any}) (dissoc {map} :k) (merge {map} {map}) (update {map} :k {fn:any:any})
        (reduce {fn2:map,int:map} {} {vec}) (group-by {fn:int:any} {vec}) (zipmap [:k :j] {vec}) (hash-map :k {int}) (into {} [[:k {int}]])
        (assoc-in {map} [:j :i] {int}) (update-in {map} [:k] {fn:any:any}) (select-keys {map} [:k]) (frequencies {vec}) (map-vals {fn:any:any} {map})
        (conj {map} [:i {int}]) (reduce (fn [m z] (assoc m z (+ 1 (get m z 0)))) {} {vec}) (update {map} :k (fn [v] {any}))
    """,
    "any": """
        (identity {any}) (get {map} {any}) (throw {any}) ((constantly {any}) {int}) (apply {fn:int:any} [{int}]) ((partial {fn2:int,any:any} {int}) {any})
        (error :k "m" {any}) (quote (a {int})) (find {map} :k) (some {fn:int:any} {vec}) (deref (atom {any})) (let [at (atom {int})] (swap! at {fn:int:int}) (deref at))
        {fn:int:int} ({fn:any:any} {any}) (first {any}) (count {any}) (+ {any} {any}) (inc {any}) (< {any} {any}) (map {fn:any:any} {any}) (Exception. {str})
        (context/get :k) (meta {any}) (first {map}) (rest {str}) (unbound-name) (unbound {int}) ({int} {int}) ({map} :k) (call :no.such {int})
        (sort-by first {map}) (map {any} {vec}) (reduce {any} 0 {vec}) (reduce {fn2:any,any:any} {any} {map}) (context/set "k" {int})
    """,
}  # fmt: skip


def _split(text: str) -> list[str]:
    """The templates of a table: forms with balanced brackets, one after the other."""
    found, depth, start = [], 0, None
    for i, char in enumerate(text):
        if start is None and not char.isspace():
            start = i
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if start is not None and depth == 0 and (i + 1 == len(text) or text[i + 1].isspace()):
            found.append(text[start : i + 1])
            start = None
    return found


def _parsed(template: str) -> list[str]:
    """Text and holes, in turn; a hole is what stands in braces without a blank or a colon in front."""
    parts: list[str] = []
    rest = template
    while True:
        at = next((i for i in range(len(rest)) if rest[i] == "{" and _hole(rest[i:]) is not None), None)
        if at is None:
            parts.append(rest)
            return parts
        hole = _hole(rest[at:])
        assert hole is not None
        parts += [rest[:at], hole]
        rest = rest[at + len(hole) + 2 :]


def _hole(text: str) -> str | None:
    name = text[1 : text.find("}")]
    known = name in (*KINDS, "num", "small") or (name.startswith(("fn:", "fn2:")) and " " not in name)
    return name if known else None


def _fill(maker: Maker, hole: str, depth: int) -> str:
    if hole == "num":
        return maker.num(depth)
    if hole == "small":
        return str(maker.c.between(0, 6)) if maker.c.chance(70) else f"(mod {maker.expr('int', depth)} 7)"
    if hole.startswith("fn"):
        _, operands, result = hole.split(":")
        return maker.function(operands.split(","), result, depth)
    return maker.expr(hole, depth)


TEMPLATES = {kind: [_parsed(text) for text in _split(table)] for kind, table in _CALLS.items()}


def filled(maker: Maker, template: list[str], depth: int) -> str:
    return "".join([part if i % 2 == 0 else _fill(maker, part, depth) for i, part in enumerate(template)])


def _register() -> None:
    for kind, templates in TEMPLATES.items():

        def production(maker: Maker, depth: int, templates: list[list[str]] = templates) -> str:
            return filled(maker, maker.c.pick(templates), depth)

        gives(100, kind)(production)


_register()
