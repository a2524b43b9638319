"""How a model is asked, by its profile; and vectors, from a model that gives them."""

from __future__ import annotations

import math
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rtfs.errors import ConfigError, DelegationError
from tests.support.tiny_gguf import write_tiny_bert, write_tiny_gguf

pytest.importorskip("llama_cpp")

from rtfs.models.gguf_file import read_shape
from rtfs.models.llama_cpp import LlamaCppProvider
from rtfs.models.llama_limits import CallLimit
from rtfs.models.local_profile import CHAT_PARAMETERS, Profile
from rtfs.models.local_prompt import plain_prompt
from rtfs.models.named_files import add_file
from rtfs.models.protocol import ModelRequest, Parameter
from rtfs.models.result_plan import compile_plan
from rtfs.types.coercion import coerce
from rtfs.types.nodes import BOOL, STRING, Entry, EnumType, RecordType, Type
from rtfs.values.scalars import kw

MOOD = EnumType(("positive", "negative"))
BOTH = RecordType((Entry(kw("mood"), MOOD), Entry(kw("urgent"), BOOL)))


def request(result: Type = MOOD, **extras: Any) -> ModelRequest:
    parameter = Parameter(name="text", type=STRING, value="It works.")
    return ModelRequest(model="m", function="mood", doc="How does it feel?", parameters=(parameter,), result=result, **extras)


def text_of(path: Path, form: str, asked: ModelRequest) -> str:
    """The prompt up to where the first slot begins, as llama.cpp reads it."""
    provider = LlamaCppProvider(lambda model: path, cache_dir=path.parent, profile_for=lambda model: Profile(form=form))
    try:
        with provider._call(asked, CallLimit.of_seconds(9)) as call:
            tokens = call._start(plain_prompt(asked, call.plan), plain_prompt(asked, call.plan).inputs)
            return b"".join(call.weights.piece(t) or b"|" for t in tokens).decode()
    finally:
        provider.close()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


EXAMPLES = ((("Bad.",), "negative"),)


def test_the_plain_form_is_a_text(tiny: Path) -> None:
    expected = "|How does it feel?\n\nText: Bad.\nMood: negative\n\nText: It works.\n"
    assert text_of(tiny, "plain", request(examples=EXAMPLES)) == expected
    assert text_of(tiny, "auto", request(examples=EXAMPLES)) == expected  # a small model, although it has a template


def test_the_chat_form_is_a_conversation_whose_next_turn_begins_with_the_slot(tiny: Path) -> None:
    ask = "How does it feel?\n\n"
    assert text_of(tiny, "chat", request(examples=EXAMPLES)) == (
        f"||user\n{ask}Text: Bad.|\n|assistant\nMood: negative|\n|user\n{ask}Text: It works.|\n|assistant\n"
    )


def test_a_model_without_a_template_is_asked_plainly_whatever_is_said(tmp_path: Path) -> None:
    plain = write_tiny_gguf(tmp_path / "plain.gguf", chat=False)
    assert text_of(plain, "chat", request()) == "|How does it feel?\n\nText: It works.\n"


@pytest.mark.parametrize("form", ["plain", "chat"])
def test_replies_are_of_the_type_in_both_forms(tiny: Path, tmp_path: Path, form: str) -> None:
    provider = LlamaCppProvider(lambda model: tiny, cache_dir=tmp_path, profile_for=lambda model: Profile(form=form))
    try:
        for result in (MOOD, BOTH, STRING):
            asked = request(result, max_tokens=12)
            reply = provider.complete(asked)
            coerce(reply.text, result)
            assert reply == provider.complete(asked)
            assert reply.usage.prompt_tokens == provider.count_tokens(asked)
    finally:
        provider.close()


def test_larger_models_with_a_template_are_spoken_to(tiny: Path) -> None:
    shape = read_shape(tiny)
    assert Profile().typed_form(shape) == "plain"
    assert Profile().prose_form(shape) == "chat"
    large = type(shape)(**{name: getattr(shape, name) for name in shape.__slots__} | {"parameters": CHAT_PARAMETERS})
    assert Profile().typed_form(large) == "chat"
    assert Profile(form="plain").typed_form(large) == "plain"


@pytest.mark.parametrize("wrong", [{"form": "shouted"}, {"gpu_layers": -1}])
def test_a_profile_that_cannot_be_is_an_error(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        Profile(**wrong)


def test_a_label_plan_is_the_same_in_both_forms() -> None:
    prompt = plain_prompt(request(examples=EXAMPLES), compile_plan(MOOD, function="mood"))
    assert prompt.head == "How does it feel?\n\nText: Bad.\nMood: negative\n\n"
    assert [role for role, _ in prompt.turns(prompt.inputs)] == ["user", "assistant", "user"]


def test_the_version_is_that_of_the_file_and_of_how_it_is_asked(tiny: Path, tmp_path: Path) -> None:
    copy = tmp_path / "models" / "mine" / "copy.gguf"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(tiny.read_bytes())
    provider = LlamaCppProvider(environ={}, data_dir=tmp_path, cache_dir=tmp_path)
    first = provider.version("mine")
    assert first == provider.version("mine") != LlamaCppProvider(environ={}, data_dir=tmp_path, cache_dir=tmp_path, calibrate=False).version("mine")
    assert first != LlamaCppProvider(environ={}, data_dir=tmp_path, cache_dir=tmp_path, max_context_tokens=256).version("mine")
    copy.write_bytes(write_tiny_gguf(tmp_path / "other.gguf", seed=1).read_bytes())
    assert provider.version("mine") != first
    digest = sha256(tiny.read_bytes()).hexdigest()
    add_file("named", str(tiny), data_dir=tmp_path, link=True)
    assert (provider.version("named") or "").startswith(digest)
    add_file("named", str(tiny), data_dir=tmp_path, link=True, profile=Profile(form="chat"))
    assert "chat" in (provider.version("named") or "")
    assert provider.version("nothing") is None


# --- vectors ---------------------------------------------------------------------------------


def test_texts_become_vectors_of_length_one(tmp_path: Path) -> None:
    path = write_tiny_bert(tmp_path / "bert.gguf")
    provider = LlamaCppProvider(lambda model: path, cache_dir=tmp_path)
    try:
        vectors = provider.embed("m", ["yes no", "label value", "yes no", ""])
        assert [len(vector) for vector in vectors] == [16] * 4
        assert all(math.isclose(sum(x * x for x in vector), 1.0, rel_tol=1e-6) for vector in vectors)
        assert vectors[0] == vectors[2] != vectors[1]
        assert provider.embed("m", ["label value"]) == [vectors[1]]  # whatever was asked before and beside it
        assert provider.embed("m", []) == []
        with pytest.raises(DelegationError) as caught:
            provider.embed("m", ["yes " * 100])
        assert caught.value.kind == "prompt-too-long"
        with pytest.raises(DelegationError):
            provider.embed("m", ["yes"], timeout_s=0.0)
    finally:
        provider.close()


def test_a_model_that_writes_gives_no_vectors(tiny: Path, tmp_path: Path) -> None:
    provider = LlamaCppProvider(lambda model: tiny, cache_dir=tmp_path)
    with pytest.raises(DelegationError, match="no embedding model"):
        provider.embed("m", ["text"])
    provider.close()
