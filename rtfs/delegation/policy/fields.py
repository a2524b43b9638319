"""The keys of a policy file: one table of what may stand where, for reading, for the messages and for the documentation."""

from __future__ import annotations

from rtfs.delegation.policy.caching import Caching
from rtfs.delegation.policy.kinds import Anything, Field, Named, Number, Scalars, Table, Tables, Text, Texts, Weights
from rtfs.delegation.policy.patterns import Patterns
from rtfs.delegation.settings import DEFAULTS

BUDGET = Table(
    (
        Field("usd", Number("an amount in US dollars", 0, 1_000_000_000), "US dollars"),
        Field("tokens", Number("a number of tokens", 0, 1e15, whole=True), "tokens, of questions and answers together"),
        Field("calls", Number("a number of calls", 0, 1e12, whole=True), "requests to models"),
        Field("seconds", Number("a number of seconds", 0.001, 31_536_000), "seconds of wall time"),
    )
)

_SECONDS = "a number of seconds"
_RETRIES = Number("a number of retries", 0, 20, whole=True)
SETTINGS = (
    Field("timeout_s", Number(_SECONDS, 0.001, 86_400), "seconds for each request"),
    Field("retries", _RETRIES, f"further requests to a target that failed in a way that may pass ({DEFAULTS.retries})"),
    Field(
        "backoff_s",
        Number(_SECONDS, 0, 3_600),
        f"seconds before the first retry ({DEFAULTS.backoff_s:g}), twice as many before each further one; a server's "
        "`Retry-After` comes first",
    ),
    Field(
        "hedge_after_s",
        Number(_SECONDS, 0.001, 3_600),
        "seconds without an answer after which the next target is asked as well; the first answer counts",
    ),
    Field(
        "accept_above",
        Number("a confidence", 0, 1),
        "least confidence of an answer; below it the next target is asked",
    ),
    Field("budget", BUDGET, "what one call may use up, all its attempts together: `usd`, `tokens`, `calls`, `seconds`"),
    Field("cache", Caching(), "which answers of earlier calls may be used, which outcomes are kept, and for how long"),
)

_GLOBS = "a pattern, or an array of patterns"
_TAGS = Texts("a tag, or an array of tags")
_ANY_TAGS = Texts(_TAGS.what, empty=True)
_TARGETS = Texts("a target, or an array of targets")
_KINDS = Texts("an array of kinds of operands, such as string", empty=True)
_PATTERNS = Texts("a target or a pattern such as remote:*, or an array of them", empty=True)

METADATA = Table(
    (
        Field("source", Texts(_GLOBS), "who planned the call: `planner`, `program`, `user`"),
        Field("confidence_below", Number("a confidence", 0, 1), "the planner's confidence is known, and less"),
        Field("confidence_at_least", Number("a confidence", 0, 1), "the planner's confidence is known, and not less"),
        Field("context", Scalars(), "names and values that the planner gave along, all of them equal"),
    )
)

RULE = Table(
    (
        Field("name", Text("a name"), "what records and messages call the rule", "What it is called"),
        Field("symbol", Texts(_GLOBS), "the function, qualified: `triage`, `billing/*`, `*-summary`", "Which calls it is for"),
        Field("module", Texts(_GLOBS), "the module that the function is in; functions of the program itself are in none"),
        Field("args", _KINDS, "the kinds of all operands, as `rtfs policy explain` shows them"),
        Field("tags", _TAGS, "tags of the function or of the call: all of these"),
        Field("without_tags", _TAGS, "none of these"),
        Field("tenant", Texts(_GLOBS), "on whose behalf the program runs"),
        Field("min_chars", Number("a number of characters", 0, 1e12, whole=True), "the operands are at least so long, as text"),
        Field("max_chars", Number("a number of characters", 0, 1e12, whole=True), "at most so long"),
        Field("metadata", METADATA, "what the planner of the call said about it; the keys are below"),
        Field("target", _TARGETS, "who is asked; of an array, one after the other", "Where they go: one of these three"),
        Field("weights", Weights(), "several targets with their shares; which one it is depends on nothing but the call"),
        Field("engine", Text("the name of an engine in [engines]"), "an engine that decides, within the file's limits"),
        Field("fallback", _TARGETS, "who is asked when that fails; the function's own body comes last", "How the call is made"),
        *SETTINGS,
        Field("patterns", Patterns(), "what the model `rules` answers by, in the place of the function's own `:rules`"),
    )
)

ENGINE = Table(
    (
        Field("use", Text("the name of an engine"), "`costed`, or an entry point in `rtfs.engines`; NAME when left out"),
        Field("options", Anything(), "what the engine itself takes"),
    )
)

TENANT = Table(
    (
        Field("allow", _PATTERNS, "the only targets for this tenant"),
        Field("deny", _PATTERNS, "targets that are not used for this tenant"),
        Field("budget", BUDGET, "what all calls of this tenant may use up in a run"),
    )
)

_SHARED = (
    Field("targets", Named(_TARGETS), "names for targets, and for chains of them"),
    Field("rules", Tables(RULE), "the first rule that fits a call decides; a call that none fits runs the function's own body"),
    Field("settings", Table(SETTINGS), "how calls are made, unless the rule says otherwise"),
    Field("budget", BUDGET, "what a run may use up"),
    Field(
        "max_in_flight",
        Named(Number("a number of requests", 1, 100_000, whole=True)),
        "how many requests may be under way at once, by provider (`kimi`), target (`local:smollm2`, `remote:gpt-4o*`) or name in "
        "[targets]; all that fit, together",
    ),
    Field("allow", _PATTERNS, "the only targets that are used at all"),
    Field("deny", _PATTERNS, "targets that are not used, whoever asks for them"),
    Field("private_tags", _ANY_TAGS, "tags besides `private` whose calls never reach a remote target"),
    Field("engines", Named(ENGINE), "engines that rules may hand over to"),
    Field("tenants", Named(TENANT), "limits for tenants by name"),
)
_ELSEWHERE = tuple([(field.name, "belongs in [settings], or in a rule") for field in SETTINGS if field.name != "budget"])
ENVIRONMENT = Table(_SHARED, _ELSEWHERE)
POLICY = Table(
    (
        Field("version", Number("a version of the format", 1, 1, whole=True), "of this format: 1"),
        *_SHARED,
        Field("environments", Named(ENVIRONMENT), "what is different in an environment, `RTFS_ENV`"),
    ),
    _ELSEWHERE,
)
