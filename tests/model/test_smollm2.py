"""What the real SmolLM2-135M does through the provider: `rtfs models add smollm2`, then `pytest -m model`.

The sentences are our own; the bars are a little below what was measured, so that they tell a broken prompt or a broken
calibration from a good one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtfs.errors import DelegationError
from rtfs.models import weights
from rtfs.models.protocol import ModelReply, ModelRequest, Parameter
from rtfs.types.coercion import coerce
from rtfs.types.nodes import BOOL, INT, NIL, STRING, Entry, EnumType, RecordType, Type, VectorType, union
from rtfs.values.scalars import kw

pytestmark = pytest.mark.model

TOPICS = {
    "card": ["My new card has still not arrived.", "How do I activate my card?", "The card I ordered came broken.", "Somebody stole my card on the train."],
    "cash": ["The ATM gave me less money than I asked for.", "Why was I charged for a cash withdrawal?", "My cash withdrawal is still pending.", "The machine would not give me any cash."],
    "transfer": ["My transfer to a friend has not gone through.", "How long does a transfer from Germany take?", "Please cancel the transfer I just made.", "The recipient did not get my transfer."],
    "top-up": ["My top-up failed, why?", "Is there a limit to how much I can top up?", "I topped up my account and it was reverted.", "Can my account top up automatically?"],
    "identity": ["Why do you need to verify my identity?", "I cannot prove who I am with my passport.", "What documents do I need for the identity check?", "The identity verification does not work."],
    "exchange": ["What is your exchange rate?", "Can I exchange dollars for euros in the app?", "The exchange rate you used was wrong.", "Which currencies can I exchange?"],
}  # fmt: skip
PRAISE = ["I love it and use it every day.", "Works perfectly, great value.", "The best phone I ever had.", "Not bad at all, I really enjoyed it.", "Fast, quiet and beautiful."]
COMPLAINT = ["It broke after a week.", "A complete waste of money.", "The sound is terrible.", "I regret buying this.", "Do not buy it, it does not work."]
EXAMPLES = ((("What a wonderful film.",), "positive"), (("The battery dies within an hour.",), "negative"), (("I am very happy with it.",), "positive"), (("Poor quality, and the support is rude.",), "negative"))  # fmt: skip


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed: pip install 'rtfs-lang[local]'")
    data_dir = weights.default_data_dir(os.environ)
    try:
        weights.locate("smollm2", os.environ, data_dir)
    except DelegationError as error:
        pytest.skip(f"{error.message}; {error.hint}")
    from rtfs.models.llama_cpp import LlamaCppProvider

    made = LlamaCppProvider(environ=os.environ, data_dir=data_dir, cache_dir=tmp_path_factory.mktemp("cache"), pool_size=2)
    yield made
    made.close()


def asked(result: Type, text: str, function: str, doc: str, **extras: Any) -> ModelRequest:
    parameter = Parameter(name="message", type=STRING, value=text)
    return ModelRequest(model="smollm2", function=function, doc=doc, parameters=(parameter,), result=result, **extras)


def topic(text: str, **extras: Any) -> ModelRequest:
    return asked(EnumType(tuple(TOPICS)), text, "topic", "Which topic is this bank customer's message about?", **extras)


def value(reply: ModelReply, result: Type) -> Any:
    return coerce(reply.text, result).value


def test_topics_are_told_without_examples(provider: Any) -> None:
    right = sum(provider.complete(topic(text)).text == f'"{label}"' for label, texts in TOPICS.items() for text in texts)
    assert right >= 18, f"{right} of 24"


def test_feelings_are_told_with_four_examples(provider: Any) -> None:
    result = EnumType(("positive", "negative"))
    right = 0
    for label, texts in (("positive", PRAISE), ("negative", COMPLAINT)):
        for text in texts:
            reply = provider.complete(asked(result, text, "sentiment", "What is the sentiment of this review?", examples=EXAMPLES))
            right += reply.text == f'"{label}"'
            assert reply.label_mass > 0.5
    assert right >= 9, f"{right} of 10"


def test_numbers_and_names_are_found(provider: Any) -> None:
    reply = provider.complete(asked(INT, "I was charged 35 pounds twice.", "amount", "How many pounds does the customer mention?"))
    assert value(reply, INT) == 35
    maybe = union(STRING, NIL)
    reply = provider.complete(asked(maybe, "Hello, I am Anna Smith and my card is lost.", "name", "What is the name of the customer?"))
    assert value(reply, maybe) == "Anna Smith"


def test_a_record_is_filled(provider: Any) -> None:
    result = RecordType((Entry(kw("topic"), EnumType(tuple(TOPICS))), Entry(kw("urgent"), BOOL), Entry(kw("keywords"), VectorType(STRING)), Entry(kw("summary"), STRING)))
    reply = provider.complete(asked(result, "The cash machine swallowed my card!", "triage", "Sort this message of a bank customer."))
    assert set(value(reply, result).keys()) == {kw("topic"), kw("urgent"), kw("keywords"), kw("summary")}
    assert reply.finish_reason == "stop"


def test_replies_are_the_same_warm_cold_and_side_by_side(provider: Any, tmp_path: Path) -> None:
    from rtfs.models.llama_cpp import LlamaCppProvider

    requests = [topic(texts[0]) for texts in TOPICS.values()]
    requests += [asked(STRING, texts[0], "summary", "Summarise this message.", max_tokens=16) for texts in TOPICS.values()]
    first = [provider.complete(r) for r in requests]
    cold = LlamaCppProvider(environ=os.environ, data_dir=weights.default_data_dir(os.environ), cache_dir=tmp_path, pool_size=1)
    again: list[Any] = [None] * len(requests)

    def run(indices: list[int]) -> None:
        for i in indices:
            again[i] = provider.complete(requests[i])

    threads = [threading.Thread(target=run, args=(list(range(start, len(requests), 2)),)) for start in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert again == first
    assert [cold.complete(r).text for r in reversed(requests)] == [r.text for r in reversed(first)]
    cold.close()


def test_the_faster_copy_is_what_answers(provider: Any) -> None:
    assert provider.complete(topic("Hello")).model.endswith(".q8_0.gguf")


def test_a_long_prompt_is_given_up_at_once_and_harms_nothing(provider: Any) -> None:
    from rtfs.semantics.stopping import Stop, Stopped

    asked_before = topic("My new card has still not arrived.")
    expected = provider.complete(asked_before)
    stop, at = Stop(), [0.0]

    def give_up() -> None:
        at[0] = time.monotonic()
        stop.set()

    timer = threading.Timer(0.2, give_up)
    timer.start()
    with pytest.raises(Stopped):
        provider.complete(topic(" ".join(text for texts in TOPICS.values() for text in texts) * 8, stop=stop))
    assert time.monotonic() - at[0] < 0.5  # 3 ms on an idle machine; a piece of the prompt alone takes longer
    assert provider.complete(asked_before) == expected


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as on Linux")
def test_an_unloaded_model_gives_its_memory_back(provider: Any) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    expected = provider.complete(topic("Hello"))
    before = resident()
    assert provider.unload() == 1
    assert before - resident() > 100_000_000
    assert provider.complete(topic("Hello")) == expected
