"""What each kind of error means, for `rtfs explain` and the REPL: a table, one entry for each kind of `errors.KINDS`.

The examples are programs that fail with that kind of error, and are run by the tests; where no program alone can do that, the
entry is marked and the example shows the situation.
"""

from __future__ import annotations

from rtfs.values.struct import Struct


class Explanation(Struct):
    """One kind of error."""

    meaning: str
    example: str
    fix: str
    shown_only: bool = False
    """The example does not fail by itself: it takes a file, a network, a model or an option."""


def _e(meaning: str, example: str, fix: str, *, shown_only: bool = False) -> Explanation:
    return Explanation(meaning, example, fix, shown_only)


EXPLANATIONS: dict[str, Explanation] = {
    # --- reading
    "unexpected-input": _e(
        "Something in the text cannot be the beginning of any form.",
        "(println “hi”)",
        "Look at the sign under the caret. Comments start with `;`; names are made of ASCII letters, digits "
        "and _ $ + - * / = < > ! ? % .",
    ),
    "unclosed-delimiter": _e(
        "A parenthesis, bracket, brace, string or block comment is still open at the end of the text.",
        "(defn double [x] (* 2 x)",
        "Close it. If the place is far above the true slip, look for the first definition that is indented wrongly.",
    ),
    "mismatched-delimiter": _e(
        "Something was opened with one kind of bracket and closed with another.",
        "(map inc [1 2 3)]",
        "Close the innermost open bracket first: `[` with `]`, `(` with `)`, `{` with `}`.",
    ),
    "unexpected-delimiter": _e(
        "A closing bracket stands where nothing is open.",
        "(+ 1 2))",
        "Remove it, or add the opening bracket that it belongs to.",
    ),
    "invalid-literal": _e(
        "A word looks like a number but is none.",
        "(+ 1 .5)",
        "Write digits on both sides of the point, `0.5`, and put a blank between a number and a name.",
    ),
    "invalid-escape": _e(
        "A string holds a backslash that does not begin an escape.",
        '"C:\\data"',
        'Write `\\\\` for a backslash; the escapes are \\n \\t \\r \\\\ \\" \\0 \\b \\f \\/ and \\uXXXX.',
    ),
    "odd-map": _e(
        "A map has a key without a value.",
        '{:name "Ada" :age}',
        "Give the key a value, or remove it.",
    ),
    "nesting-too-deep": _e(
        "Brackets are nested deeper than 50,000 levels.",
        "((((((… 50,000 times …",
        "No program needs this: the text is damaged, or data that should be read with parse-json.",
        shown_only=True,
    ),
    "invalid-metadata": _e(
        "What stands after `^` is no metadata that RTFS knows.",
        "(defn f ^:delegation :locla [x] x)",
        'Write ^:delegation :local, ^:delegation :local-model "id", ^:delegation :remote "id", or a map ^{:key value}.',
    ),
    "reserved-syntax": _e(
        "The text uses a notation that is kept for later, such as a set literal.",
        "#{1 2 3}",
        "Use (distinct [1 2 3]), or a map with true as values.",
    ),
    "invalid-encoding": _e(
        "The file is not UTF-8 text.",
        "rtfs run photo.jpg",
        "Check that it is the right file; if it is a program, save it as UTF-8.",
        shown_only=True,
    ),
    # --- analysis
    "unbound-name": _e(
        "A name is used that nothing defines. It is a warning, because the name may be defined later or by the host.",
        "(defn total [xs] (sum xs))\n(totl [1 2])",
        "Correct the name, define it, or import the module that has it. `rtfs run --strict` makes it an error.",
    ),
    "invalid-special-form": _e(
        "A special form such as let, if or match does not have its shape.",
        "(let [x] x)",
        "The hint shows the shape that was expected.",
    ),
    "invalid-pattern": _e(
        "A pattern of let, match or a parameter list is not one of the shapes that can bind names.",
        "(let [(f x) 1] x)",
        "Bind a name, `_`, a vector [a b & rest] or a map {:keys [a b]}.",
    ),
    "duplicate-parameter": _e(
        "The same name is bound twice in one place, so that one of the two values could not be reached.",
        "(fn [x x] x)",
        "Give one of them another name, or `_` if it is not used.",
    ),
    "misplaced-recur": _e(
        "`recur` stands where it is not the last thing that a loop or function does.",
        "(loop [n 3] (+ 1 (recur n)))",
        "Carry the intermediate result along as another binding of the loop.",
    ),
    "invalid-type": _e(
        "A type annotation is not a type.",
        "(defn f [x : [:vectr int]] x)",
        "The hint names the nearest type; the reference lists them all.",
    ),
    "invalid-delegation": _e(
        "A delegation hint, or one of the options beside it, is not what it should be.",
        '(def answer ^:delegation :remote "gpt" 42)',
        'Put the hint on a function: (defn f ^:delegation :remote "id" [x] …), and check the options of its metadata.',
    ),
    "macro-error": _e(
        "A macro failed, or did not come to an end, while it was expanded.",
        "(defmacro broken [x] (+ x 1))\n(broken y)",
        "Try the expansion alone: (macroexpand '(broken y)), or :macroexpand in the REPL.",
    ),
    "static-arity": _e(
        "A call has the wrong number of values, and that is certain before the program runs.",
        "(loop [a 1 b 2] (recur a))",
        "Give as many values as there are names.",
    ),
    "invalid-map-key": _e(
        "A map literal has a key that would have to be computed.",
        "(let [k :a] {k 1})",
        "Use (hash-map k 1), or (assoc {} k 1).",
    ),
    "reserved-name": _e(
        "The program wants to bind a name that the language keeps for itself.",
        "(let [if 1] if)",
        "Choose another name.",
    ),
    "shadowed-builtin": _e(
        "A definition has the name of a built-in and hides it in this program. A warning: the program runs.",
        "(defn abs [x] x)",
        "Choose another name unless you mean it. The library's own functions go on using the built-in.",
    ),
    # --- what `rtfs check` finds
    "type-mismatch": _e(
        "No value of the type that stands here can be of the type that is wanted: this fails whenever it is reached.",
        '(defn area [w :number h :number] (* w h))\n(area 3 "4")',
        "Give a value of the type that the message names, or correct the annotation.",
    ),
    "not-a-function": _e(
        "What stands first in a call is known to be no function.",
        "(let [limit 10] (limit 3))",
        "Remove the parentheses, or put the function first: (+ 1 2), not (1 + 2).",
    ),
    "possible-mismatch": _e(
        "A value whose type somebody wrote down may be something that is not accepted here. A warning.",
        "(defn size [text : string?] (string-length text))",
        "Test it first, (if (nil? text) 0 (string-length text)), or make the annotation narrower.",
    ),
    "unused-binding": _e(
        "A name is bound and nothing reads it. A warning; a name that begins with `_` may stay unused.",
        "(let [width 3 height 4] (* width width))",
        "Remove it, use it, or write `_` in its place.",
    ),
    "unreachable-code": _e(
        "A form is never reached: a test always holds, or what stands before always raises an error. A warning.",
        '(defn kind [xs] (if (count xs) "some" "none"))',
        "Only nil and false are not true: test (empty? xs), (zero? n) or (nil? x).",
    ),
    "unreachable-clause": _e(
        "No value comes to a clause of `match`: earlier ones take it, or its type excludes it. A warning.",
        "(defn name-of [n :int] (match n 0 :zero _ :other 1 :one))",
        "Put the more special clause first, or remove it.",
    ),
    "missing-case": _e(
        "A `match` has no clause for some values of a type whose cases can be counted. A warning: with such a value it fails.",
        "(defn go? [light : [:enum :red :green]] (match light :red false))",
        "Add a clause for the value in the message, or `_` for everything else.",
    ),
    "unbounded-spend": _e(
        "A delegated call is made in a loop or recursion that nothing bounds: it may be paid for without end. A warning.",
        '(defn done? ^:delegation :remote "m" [n :int] : bool true)\n(defn go [n] (loop [i n] (if (done? i) i (recur (inc i)))))',
        "Count the turns and stop, map over a collection of a known size, or limit the run: --max-steps, --timeout.",
    ),
    "untyped-delegation": _e(
        "A delegated function has no result type, so anything that the model writes is taken. A warning.",
        '(defn mood ^:delegation :remote "m" [text :string] "calm")',
        'Say what it gives: [text :string] : [:enum "calm" "angry"].',
    ),
    "missing-fallback": _e(
        "The body of a remote function raises an error, or gives a nil that its type does not allow. A warning.",
        '(defn mood ^:delegation :remote "m" [text :string] : string (throw "nobody answers"))',
        "Let the body give a value that callers can live with: it runs when no target answers. "
        "^{:strict true} says that the error is meant.",
    ),
    "untrusted-prompt": _e(
        "Text that a tool fetched goes into a prompt whose answer is free text: the model may obey what the text says. A warning.",
        '(defn sum-up ^:delegation :remote "m" [page :string] : string page)\n'
        "(defn news [url] (sum-up (call :network.http-fetch url)))",
        "Give the function a closed result type, such as [:enum …] or int, or look at the answer before something acts on it.",
    ),
    "secret-in-prompt": _e(
        "Something that looks like a secret goes into a prompt, and prompts are sent, logged and cached. A warning.",
        '(defn check ^:delegation :remote "m" [text :string] : bool false)\n(defn go [] (check (get-env "API_KEY")))',
        "Leave it out of the operands; capabilities and providers read their own keys.",
    ),
    "unknown-warning": _e(
        "`:allow` names something that is no kind of warning, so that it allows nothing. A warning.",
        "(defn half ^{:allow [:unused-bindings]} [x] (/ x 2))",
        "Correct the name; only warnings can be allowed, and errors cannot.",
    ),
    # --- running
    "type-error": _e(
        "An operation got a value of a kind that it cannot work with.",
        '(+ 1 "2")',
        "Convert it first (parse-int, str …), or find out where the value comes from: the caret is under the operand at fault.",
    ),
    "arity-mismatch": _e(
        "A function was called with too many or too few values.",
        "((fn [a b] (+ a b)) 1)",
        "Compare the call with the definition; :doc NAME in the REPL shows what a function takes.",
    ),
    "division-by-zero": _e(
        "A number was divided by zero.",
        "(/ 1 0)",
        "Test the divisor before, or catch the error.",
    ),
    "index-out-of-bounds": _e(
        "An index is negative or not less than the length.",
        "(nth [1 2 3] 3)",
        "Indices start at 0. (get xs i default) gives a default instead.",
    ),
    "key-not-found": _e(
        "Something was looked up by a key that is not there, where that is an error.",
        '(throw :key-not-found "no such customer")',
        "Use get with a default, or contains? first.",
        shown_only=True,
    ),
    "type-validation-error": _e(
        "A value does not belong to the type that was declared for it.",
        "(defn age [n : [:and int [:>= 0]]] n)\n(age -1)",
        "The message says which part of the value is wrong: correct the value, or the type.",
    ),
    "match-error": _e(
        "No clause of a match fits the value.",
        "(match 3 1 :one 2 :two)",
        "Add a clause for it, or a last clause `_`.",
    ),
    "invalid-argument": _e(
        "An operand has the right kind but a value that the operation cannot use.",
        "(range 0 10 0)",
        "The message says what is wrong with it.",
    ),
    "not-callable": _e(
        "Something is called that is not a function.",
        "(1 2 3)",
        "Data in parentheses is a call: write [1 2 3] for a vector, '(1 2 3) for a list.",
    ),
    "undefined-symbol": _e(
        "A name was used, and nothing has defined it.",
        "(pritnln 1)",
        "Correct the name, or define it before it is used.",
    ),
    "raised": _e(
        "The program itself threw an error.",
        '(throw "the order has no lines")',
        "It is what the program wants to say; catch it where it can be dealt with.",
    ),
    "module-not-found": _e(
        "An imported module has no file on the module path.",
        "(import shop.prices :as prices)",
        "The module a.b is the file a/b.rtfs in the program's folder, the current folder, or one given with --path.",
    ),
    "module-error": _e(
        "A module exports what it does not define, imports itself in a circle, or its file holds another module.",
        "(module shop (:exports [price]) (defn prize [x] x))",
        "The message says which; compare the module's name with its file, and :exports with its definitions.",
    ),
    "resource-error": _e(
        "A resource is used after its with-resource has released it.",
        '(def file (with-resource [f any (call :io.open "notes.txt")] f))\n(call :io.read file)',
        "Use the resource inside its with-resource and hand out what was read from it.",
        shown_only=True,
    ),
    "json-error": _e(
        "A text is not JSON, or a value has no JSON.",
        '(parse-json "{1: 2}")',
        "The message says where the text goes wrong; functions, errors and infinite numbers cannot be written.",
    ),
    "symbol-not-found": _e(
        "A module is there, but does not export the name.",
        "(module shop (:exports [price]) (defn price [x] x))\n(import shop)\nshop/prize",
        "Correct the name, or add it to the module's :exports.",
    ),
    "not-implemented": _e(
        "The name is kept for compatibility and does nothing in this version.",
        '(read-file "notes.txt")',
        "The hint names what to use instead.",
    ),
    "cancelled": _e(
        "A ticket was awaited that has been cancelled: by `cancel`, because another one won a `race`, or at the end of its run.",
        "(def t (delegate-async (thread/sleep 60000)))\n(cancel t)\n(await t)",
        "Await a ticket before it is cancelled, and in the run that made it; `ticket-done?` tells whether it is over.",
    ),
    "await-timeout": _e(
        "A ticket was not done in the time that `await` or `await-all` was given. It goes on.",
        "(await (delegate-async (thread/sleep 60000)) {:timeout-ms 10})",
        "Allow more with :timeout-ms, give a :default, or `cancel` the ticket.",
    ),
    "runtime-error": _e(
        "A run-time error that has no kind of its own.",
        '(re-find "[" "text")',
        "The message says what went wrong.",
    ),
    # --- limits
    "stack-overflow": _e(
        "Calls are nested deeper than the limit; most often a recursion that does not end.",
        "(defn f [n] (+ 1 (f n)))\n(f 1)",
        "Give the recursion an end, or use loop and recur; --max-depth raises the limit.",
    ),
    "steps-exhausted": _e(
        "The program made more calls and turns of loops than it was given.",
        "rtfs run --max-steps 1000 endless.rtfs",
        "Look for a loop that does not end, or raise --max-steps.",
        shown_only=True,
    ),
    "time-exhausted": _e(
        "The program ran longer than it was given.",
        "rtfs run --timeout 1 slow.rtfs",
        "Look for a loop that does not end, or raise --timeout.",
        shown_only=True,
    ),
    "size-exhausted": _e(
        "One operation would build a value that is far too large.",
        "(range 0 1000000000000)",
        "Work in parts, or check the numbers that lead to it.",
    ),
    "memory-exhausted": _e(
        "The run made the process grow by more memory than it was given, or asked at once for more than was left.",
        "rtfs run --max-memory 100MB hoarder.rtfs",
        "Look for a collection that grows without end, work in parts, or raise --max-memory.",
        shown_only=True,
    ),
    "budget-exhausted": _e(
        "Delegated calls have used up the money, the tokens, the calls or the time of a budget; no program can catch that.",
        '(defn guess ^:delegation :local-model "echo" [n : int] : int n)\n(with-budget {:calls 2} (map guess [1 2 3]))',
        "Allow more in (with-budget …), :budget or --budget, ask a cheaper model, or ask less often.",
    ),
    "unknown-price": _e(
        "A budget limits money, and no table says what the model costs. It is not asked: what cannot be counted cannot be limited.",
        '(defn guess ^:delegation :remote "my-model" [n : int] : int n)\n(with-budget {:usd 0.10} (guess 1))',
        "Put the price into prices.toml in the configuration folder, or into the file that RTFS_PRICES names; 0 when it is free.",
        shown_only=True,
    ),
    # --- effects
    "unknown-capability": _e(
        "The program calls a capability that the host does not have.",
        '(call :io.raed-file "notes.txt")',
        "Correct the id: `rtfs caps` lists them.",
    ),
    "security-violation": _e(
        "The program asked for a capability, or for a file, that it may not use.",
        '(call :io.write-file "out.txt" "text")',
        "If you trust the program, allow it: rtfs run --allow io.write-file --allow-write DIR.",
    ),
    "io-error": _e(
        "A file could not be read or written.",
        '(call :io.read-file "no-such-file.txt")',
        "Check the path; relative ones start at the current folder. (file-exists? path) asks first.",
        shown_only=True,
    ),
    "network-error": _e(
        "An address could not be reached, or gave no usable answer.",
        '(call :network.http-fetch "https://no-such-host.invalid/")',
        "Check the address and the network; catch the error where the program can go on without.",
        shown_only=True,
    ),
    "tool-error": _e(
        "A capability ran and failed in a way of its own.",
        "(call :my-tool 1)",
        "The message is the tool's: see its documentation.",
        shown_only=True,
    ),
    # --- delegation
    "unknown-model": _e(
        "No model of that name is known on the side (local or remote) that the hint asks for.",
        '(defn f ^:delegation :local-model "smolm2" ^{:strict true} [x : string] : string x)\n(f "hi")',
        "`rtfs models` lists the models; a :local-model hint never reaches a remote one.",
    ),
    "model-unavailable": _e(
        "The model is known, but cannot be used here: weights, a library or a setting is missing.",
        '(defn f ^:delegation :local-model "smollm2" ^{:strict true} [x : string] : string x)\n(f "hi")',
        "`rtfs models` says what is missing, `rtfs models add smollm2` installs weights. "
        "Without :strict the function's own body answers.",
        shown_only=True,
    ),
    "provider-error": _e(
        "The model was asked and failed: an error of the server, a broken connection, a limit on requests.",
        '(defn f ^:delegation :remote "some-model" ^{:strict true} [x : string] : string x)',
        "Try again later; without :strict the function's own body answers.",
        shown_only=True,
    ),
    "reply-mismatch": _e(
        "The model answered twice, and neither answer fits the function's return type.",
        '(defn f ^:delegation :local-model "smollm2" ^{:strict true} [x : string] : [:enum "yes" "no"] "no")',
        "Say in the docstring what the result looks like, and give :examples in the metadata.",
        shown_only=True,
    ),
    "prompt-too-long": _e(
        "The question does not fit into what the model can read.",
        "",
        "Pass less text, or ask a model with a larger context.",
        shown_only=True,
    ),
    "rate-limited": _e(
        "The server takes no more requests for a while; it was asked again as often as the settings allow.",
        '(defn f ^:delegation :remote "some-model" ^{:strict true} [x : string] : string x)',
        "Have fewer calls under way at once, let a policy wait longer or ask another target, or ask the server's owner for more.",
        shown_only=True,
    ),
    "model-refused": _e(
        "The model declined to answer, or the server's content filter held the answer back.",
        '(defn f ^:delegation :remote "some-model" ^{:strict true} [x : string] : string x)',
        "Say in the docstring what the answer is for; without :strict the function's own body answers.",
        shown_only=True,
    ),
    "reply-cut-off": _e(
        "The model used up the tokens that it may write before it came to an answer; thinking counts.",
        '(defn f ^:delegation :remote "some-model" ^{:strict true :max-tokens 8} [x : string] : string x)',
        "Allow more: ^{:max-tokens 2000}.",
        shown_only=True,
    ),
    "empty-reply": _e(
        "The model said nothing, twice, where a value was wanted.",
        '(defn f ^:delegation :local-model "smollm2" ^{:strict true} [x : string] : [:enum "yes" "no"] "no")',
        "Say in the docstring what the result looks like, and give :examples in the metadata.",
        shown_only=True,
    ),
    "tool-limit": _e(
        "The model went on calling tools when it had to answer: after as many rounds as the function allows.",
        '(defn f ^:delegation :remote "some-model" ^{:strict true :tools [:io.read-file] :max-rounds 2} [x : string] : string x)',
        "Allow more: ^{:max-rounds 20}; or say in the docstring when to stop.",
        shown_only=True,
    ),
    # --- settings and our own bugs
    "config-error": _e(
        "An option, a setting or a file name is wrong.",
        "rtfs run no-such-file.rtfs",
        "The message names the setting, and the hint what is allowed.",
        shown_only=True,
    ),
    "missing-extra": _e(
        "A library that this needs is not installed.",
        "rtfs run program.rtfs     with a :local-model hint, without llama-cpp-python",
        'Install what the hint names, for example: pip install "rtfs-lang[local]".',
        shown_only=True,
    ),
    "artefact-corrupt": _e(
        "A compiled program is damaged, or is not one. Nothing of it was run.",
        "rtfs run orders.rtfc     after a transfer that changed or cut off the file",
        "Copy the file again, as binary, or compile it again from its source: rtfs compile orders.rtfs.",
        shown_only=True,
    ),
    "artefact-version": _e(
        "A compiled program was made by a version of RTFS that writes another format than this one reads.",
        "rtfs run orders.rtfc     with an RTFS of last year",
        "Compile it again from its source with the RTFS that is to run it: rtfs compile orders.rtfs.",
        shown_only=True,
    ),
    "invalid-policy": _e(
        "A policy file says what it cannot mean: a key that does not exist, a value out of its bounds, an unknown target.",
        "rtfs policy check delegation.toml",
        "`rtfs policy check` lists all mistakes of the file with line and key; docs/policy.md describes the keys.",
        shown_only=True,
    ),
    "code-refused": _e(
        "Published code was not run, or not published: its key is not trusted, its signature does not fit, it is damaged or of "
        "another version, or it did not stand its verification.",
        "rtfs code show 9f3a5c",
        "The message says which. Trust a key with `rtfs code trust KEY`; publish the code again from its source.",
        shown_only=True,
    ),
    "internal-error": _e(
        "A bug in RTFS.",
        "",
        "Please report it with the program and the output of `rtfs --version`; RTFS_DEBUG=1 shows where it happened.",
        shown_only=True,
    ),
}
