"""Each guard refuses what it is for, by its own name, and lets through what only looks like it."""

from __future__ import annotations

import pytest

from rtfs.caching.semantic.alignment import Alignment
from rtfs.caching.semantic.guards.all import GUARDS, first_refusal, refusals
from rtfs.caching.semantic.view import View

REFUSED = [
    ("number", "Remind me in 2 days", "Remind me in 3 days"),
    ("number", "a table for two", "a table for four"),
    ("number", "the 16th president", "the 26th president"),
    ("units", "a run of 5 miles", "a run of 5 kilometres"),
    ("units", "it costs 10 dollars", "it costs 10 euros"),
    ("date", "the rate on 3 March 2024", "the rate on 3 May 2024"),
    ("time", "wake me at 6:30 am", "wake me at 6:30 pm"),
    ("quoted", 'What does "affect" mean?', 'What does "effect" mean?'),
    ("code", "what does error E404 mean", "what does error E403 mean"),
    ("code", "open https://example.com/a", "open https://example.com/b"),
    ("code", "Delete report.csv", "Delete report.json"),
    ("value-order", "from 3 to 5", "from 5 to 3"),
    ("negation", "countries that are in the union", "countries that are not in the union"),
    ("negation", "I can hear the caller", "I can hardly hear the caller"),
    ("negation", "The site works", "The site doesn't work"),
    ("antonym", "How do I open an account", "How do I close an account"),
    ("antonym", "How do I turn on the radio?", "How do I turn off the radio?"),
    ("antonym", "the cheapest plan", "the most expensive plan"),
    ("antonym", "The site is accessible", "The site is inaccessible"),
    ("antonym", "How do I show hidden files?", "How do I hide hidden files?"),
    ("exclusive", "the weather today", "the weather tomorrow"),
    ("exclusive", "Paint it green", "Paint it blue"),
    ("question-word", "When did it start?", "Where did it start?"),
    ("question-word", "How often do you clean?", "How do you clean?"),
    ("tense", "Is she a member?", "Was she a member?"),
    ("tense", "He works there", "He used to work there"),
    ("tense", "Is it being repaired?", "Has it been repaired?"),
    ("tense", "Is it painted?", "Was it painted?"),
    ("modality", "Can I drink it?", "Should I drink it?"),
    ("instruction", "Translate this: I am late", "Summarise this: I am late"),
    ("entity", "How do I ship to Norway?", "How do I ship to Sweden?"),
    ("gender", "What is his name?", "What is her name?"),
    ("quantifier", "May children enter?", "May only children enter?"),
    ("degree", "Which is the fast train?", "Which is the fastest train?"),
    ("particle", "letters to my landlord", "letters from my landlord"),
    ("particle", "bread and butter", "bread or butter"),
    ("role-swap", "Convert dollars to euros", "Convert euros to dollars"),
    ("role-swap", "The dog chased the cat.", "The cat chased the dog."),
    ("role-swap", "Did Anna call the police?", "Was Anna called by the police?"),
    ("role-swap", "He says that she lies", "She says that he lies"),
    ("role-swap", "two sons and a daughter", "two daughters and a son"),
    ("substitution", "Is the hotel near the beach?", "Is the hotel near the station?"),
    ("restriction", "How do I get a refund?", "How do I get a partial refund?"),
]
LET_THROUGH = [
    ("number", "in two days", "in 2 days"),
    ("number", "it takes 90 minutes", "it takes 1.5 hours"),
    ("number", "charged twice", "charged two times"),
    ("units", "5 km", "5,000 m"),
    ("date", "on 3 March 2024", "on 2024-03-03"),
    ("time", "at 17:00", "at 5 pm"),
    ("quoted", 'say "hello"', "say 'Hello'"),
    ("negation", "I am not able to log in", "I cannot log in"),
    ("negation", "a good person", "a person who is not bad"),
    ("antonym", "How do I become more patient?", "How do I become less impatient?"),
    ("antonym", "a good person", "a person who is not bad"),
    ("exclusive", "Call me tomorrow morning", "Tomorrow morning, call me"),
    ("question-word", "What time does it open?", "When does it open?"),
    ("question-word", "How often should I clean it?", "How frequently should I clean it?"),
    ("question-word", "What is the reason that we dream?", "Why do we dream?"),
    ("tense", "I am used to it", "I got used to it"),
    ("tense", "Why did it fail?", "What is the reason that it failed?"),
    ("modality", "Do I have to pay?", "Must I pay?"),
    ("entity", "Is it open on Mondays?", "Is it open on a Monday?"),
    ("entity", "rules of the European Union", "rules of the EU"),
    ("degree", "What is the best way to learn?", "How can I learn?"),
    ("particle", "open in winter", "open during winter"),
    ("particle", "My order never arrived.", "My order did not arrive."),
    ("role-swap", "Did Anna call the police?", "Were the police called by Anna?"),
    ("role-swap", "Is Anna married to Ben?", "Is Ben married to Anna?"),
    ("role-swap", "salt and pepper", "pepper and salt"),
    ("role-swap", "Last year she moved to Oslo.", "She moved to Oslo last year."),
    ("role-swap", "the opening hours of the library", "the library opening hours"),
    ("substitution", "How do I purchase a ticket?", "How do I buy a ticket?"),
    ("substitution", "How can I delete my account?", "How do I remove my account?"),
    ("restriction", "Is it really cold?", "Is it cold?"),
]
HARMLESS = [
    ("How do I reset my password?", "What is the way to reset my password?"),
    ("Where is the nearest pharmacy?", "Where can I find the nearest pharmacy?"),
    ("Who wrote Hamlet?", "Who is the author of Hamlet?"),
    ("Could you tell me the capital of France?", "What is the capital of France?"),
]


def pair(a: str, b: str) -> Alignment:
    return Alignment(View(a), View(b))


@pytest.mark.parametrize("guard,a,b", REFUSED)
def test_a_guard_refuses_what_it_is_for(guard: str, a: str, b: str) -> None:
    reason = GUARDS[guard](pair(a, b))
    assert reason, f"{guard} let it through"
    assert "None" not in reason


@pytest.mark.parametrize("guard,a,b", REFUSED)
def test_refusals_do_not_depend_on_which_text_was_first(guard: str, a: str, b: str) -> None:
    there = {found.guard for found in refusals(pair(a, b))}
    assert guard in there
    assert {found.guard for found in refusals(pair(b, a))} == there


@pytest.mark.parametrize("guard,a,b", LET_THROUGH)
def test_a_guard_lets_through_what_only_looks_like_it(guard: str, a: str, b: str) -> None:
    assert GUARDS[guard](pair(a, b)) is None
    assert GUARDS[guard](pair(b, a)) is None


@pytest.mark.parametrize("a,b", HARMLESS)
def test_no_guard_has_anything_against_a_plain_rewording(a: str, b: str) -> None:
    assert refusals(pair(a, b)) == []


def test_every_guard_is_tried_in_both_senses() -> None:
    assert {guard for guard, _, _ in REFUSED} == set(GUARDS)
    simple = {"code", "value-order", "gender", "instruction", "quantifier"}  # they compare sets, and have nothing to excuse
    assert {guard for guard, _, _ in LET_THROUGH} >= set(GUARDS) - simple


def test_the_first_refusal_is_the_first_of_all() -> None:
    found = pair("How do I open 2 accounts?", "How do I close 3 accounts?")
    first = first_refusal(found)
    assert first == refusals(found)[0]
    assert str(first) == "number: `2` against `3`"


def test_two_changes_of_antonyms_do_not_cancel() -> None:
    assert GUARDS["antonym"](pair("buy cheap shoes", "sell expensive shoes"))
