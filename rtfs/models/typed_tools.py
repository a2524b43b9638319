"""Tools for models that have no way of their own to call them: a call is one kind of answer, and the answer another.

    {"answer": …}  or  {"tool": "lookup-order", "operands": {"id": 7}}

The request is put as one with such a result, so whatever makes a provider's results fit their types (a grammar, a schema, a prompt)
makes calls fit as well; what was called so far stands among the operands, as data.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from rtfs.models.prompt import json_text, json_value
from rtfs.models.protocol import ModelReply, ModelRequest, Parameter, ToolCall
from rtfs.types.nodes import ANY, Entry, EnumType, RecordType, Type, VectorType, union
from rtfs.values.convert import to_rtfs
from rtfs.values.maps import Map
from rtfs.values.scalars import Keyword
from rtfs.values.sequences import Vector

_ANSWER, _TOOL, _OPERANDS = Keyword("answer"), Keyword("tool"), Keyword("operands")
_CALLED = "called so far"


def by_types(request: ModelRequest) -> ModelRequest:
    """The request without tools, with a result that says what is to be called."""
    parameters = request.parameters
    if request.rounds:
        pairs = [pair for done in request.rounds for pair in zip(done.calls, done.results, strict=True)]
        called = Vector([_done(result.name, call.arguments, result.text) for call, result in pairs])
        parameters = (*parameters, Parameter(name=_CALLED, type=VectorType(ANY), value=called))
    if request.answer_now:
        return replace(request, tools=(), rounds=(), parameters=parameters, examples=_examples(request, parameters, wrap=False))
    lines = [f"{tool.name}: {tool.doc}" for tool in request.tools]
    doc = "\n".join([request.doc.strip(), "Answer, or first have one of these tools called:", *lines]).strip()
    return replace(
        request,
        doc=doc,
        parameters=parameters,
        result=_step(request),
        aliases={name: type for tool in request.tools for name, type in tool.aliases.items()} | request.aliases,
        examples=_examples(request, parameters, wrap=True),
        tools=(),
        rounds=(),
    )


def _done(name: str, arguments: str, text: str) -> Map:
    try:
        operands = to_rtfs(json.loads(arguments))
    except (ValueError, RecursionError):
        operands = arguments
    return Map([(_TOOL, name), (_OPERANDS, operands), (Keyword("gave"), text)])


def _step(request: ModelRequest) -> Type:
    answer = RecordType((Entry(_ANSWER, request.result),))
    calls = [RecordType((Entry(_TOOL, EnumType((tool.name,))), Entry(_OPERANDS, tool.operands))) for tool in request.tools]
    return union(answer, *calls)


def _examples(request: ModelRequest, parameters: tuple[Parameter, ...], *, wrap: bool) -> Any:
    more = (Vector(),) * (len(parameters) - len(request.parameters))
    return tuple([((*args, *more), Map([(_ANSWER, result)]) if wrap else result) for args, result in request.examples])


def step_of(value: Any, reply: ModelReply, request: ModelRequest) -> ModelReply:
    """The reply to a request with tools, from the value that the reply to `by_types` of it stood for."""
    if _ANSWER in value:
        answer = value[_ANSWER]
        text = answer if isinstance(answer, str) else json_text(answer, request.result, request.aliases.get)
        return replace(reply, text=text)
    name = value[_TOOL]
    id = f"functions.{name}:{sum(len(done.calls) for done in request.rounds)}"
    arguments = json.dumps(json_value(value[_OPERANDS]), ensure_ascii=False)
    return replace(reply, text="", finish_reason="tools", calls=(ToolCall(id=id, name=name, arguments=arguments),))
