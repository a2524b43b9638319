"""What each kind of IR node looks like as text; `printing` puts the texts together."""

from __future__ import annotations

from rtfs.ir import nodes as ir
from rtfs.ir.printing import SHOWN, Printer, TooLong, flat, opened
from rtfs.syntax import nodes as ast
from rtfs.values.printing import preview

# --- names and constants ---------------------------------------------------------------------


@flat(ir.Const)
def _const(p: Printer, node: ir.Const) -> None:
    p.put(preview(node.value, SHOWN))


@flat(ir.Get)
def _get(p: Printer, node: ir.Get) -> None:
    p.put(p.name(node.var))


@flat(ir.GlobalGet)
def _global_get(p: Printer, node: ir.GlobalGet) -> None:
    p.put(node.name)


@flat(ir.Set)
def _set(p: Printer, node: ir.Set) -> None:
    p.phrase(_set_head(p, node), node.value)


@opened(ir.Set)
def _open_set(p: Printer, node: ir.Set, depth: int) -> None:
    p.under(depth, _set_head(p, node), node.value, node.span)


def _set_head(p: Printer, node: ir.Set) -> str:
    return f"{p.typed(node.var)} {'<-' if node.assigns else '='}"


@flat(ir.GlobalSet)
def _global_set(p: Printer, node: ir.GlobalSet) -> None:
    p.phrase(_global_set_head(node), node.value)


@opened(ir.GlobalSet)
def _open_global_set(p: Printer, node: ir.GlobalSet, depth: int) -> None:
    p.under(depth, _global_set_head(node), node.value, node.span)


def _global_set_head(node: ir.GlobalSet) -> str:
    return f"{'def' if node.defines else 'set!'} {node.name} ="


@flat(ir.Blank)
def _blank(p: Printer, node: ir.Blank) -> None:
    p.put(f"blank{p.names(node.vars)}")


# --- checks and patterns ---


@flat(ir.Check)
def _check(p: Printer, node: ir.Check) -> None:
    p.phrase(f"check {node.type}", node.value)


@opened(ir.Check)
def _open_check(p: Printer, node: ir.Check, depth: int) -> None:
    p.under(depth, f"check {node.type}", node.value, node.span)


@flat(ir.Bind)
def _bind(p: Printer, node: ir.Bind) -> None:
    p.phrase(f"bind {p.pattern(node.pattern)} =", node.value)


@opened(ir.Bind)
def _open_bind(p: Printer, node: ir.Bind, depth: int) -> None:
    p.under(depth, f"bind {p.pattern(node.pattern)} =", node.value, node.span)


@flat(ir.NoMatch)
def _no_match(p: Printer, node: ir.NoMatch) -> None:
    p.put(f"no-match {p.name(node.var)}")


# --- control ---


@flat(ir.If)
def _if(p: Printer, node: ir.If) -> None:
    p.phrase("if", node.test, node.then, node.otherwise)


@opened(ir.If)
def _open_if(p: Printer, node: ir.If, depth: int) -> None:
    p.under(depth, "if", node.test, node.span)
    p.block(node.then, depth + 1)
    last = node.otherwise
    while isinstance(last, ir.If) and (test := p.short(last.test, nested=True)) is not None:  # a chain does not go further in
        p.line(depth + 1, f"else if {test}", last.span)
        p.block(last.then, depth + 1)
        last = last.otherwise
    p.line(depth + 1, "else")
    p.block(last, depth + 1)


@flat(ir.Logic)
def _logic(p: Printer, node: ir.Logic) -> None:
    p.put("(and" if node.conjunction else "(or")
    p.row(node.items)
    p.put(")")


@opened(ir.Logic)
def _open_logic(p: Printer, node: ir.Logic, depth: int) -> None:
    p.line(depth, "and" if node.conjunction else "or", node.span)
    p.blocks(node.items, depth + 1)


@opened(ir.Seq)
def _seq(p: Printer, node: ir.Seq, depth: int) -> None:
    p.line(depth, "do", node.span)
    p.blocks(node.items, depth + 1)


@opened(ir.Try)
def _try(p: Printer, node: ir.Try, depth: int) -> None:
    p.line(depth, "try", node.span)
    p.block(node.body, depth + 1)
    for clause in node.catches:
        selector = "" if clause.selector is None else f" {clause.selector}"
        p.line(depth, f"catch{selector}{p.names([clause.var] if clause.var is not None else [])}")
        p.block(clause.body, depth + 1)
    if node.final is not None:
        p.line(depth, "finally")
        p.block(node.final, depth + 1)


# --- functions and calls ---


@opened(ir.Fn)
def _fn(p: Printer, node: ir.Fn, depth: int) -> None:
    names = [p.typed(var) for var in node.params]
    if node.ast is not None and node.ast.rest is not None:
        names.insert(-1, "&")
    words = [f"fn {node.label}({' '.join(names)})"]
    if node.ast is not None and node.ast.result is not None:
        words.append(f": {node.ast.result}")
    if node.ast is not None and node.ast.hint is not None:
        words.append(node.ast.hint.printed)
    words += [word for word, holds in (("loops", node.loops), ("bounces", node.bounces)) if holds]
    if node.free:
        words.append(f"captures{p.names(node.free)}")
    p.line(depth, " ".join(words), node.span)
    p.blocks(node.prepare, depth + 1)
    p.block(node.body, depth + 1)


@flat(ir.Call)
def _call(p: Printer, node: ir.Call) -> None:
    p.put("(tail " if node.tail else "(")
    p.operand(node.function)
    p.row(node.args)
    p.put(f"){_kind(node)}")


@opened(ir.Call)
def _open_call(p: Printer, node: ir.Call, depth: int) -> None:
    p.under(depth, f"call{_kind(node)}{' tail' if node.tail else ''}", node.function, node.span)
    p.blocks(node.args, depth + 1)


@opened(ir.Inlined)
def _inlined(p: Printer, node: ir.Inlined, depth: int) -> None:
    p.line(depth, f"do, in the place of {node.label}", node.span)
    p.blocks(node.items, depth + 1)


@flat(ir.Update)
def _update(p: Printer, node: ir.Update) -> None:
    if node.old is not None or node.operands:
        raise TooLong
    p.put(f"({node.operation}")
    p.row([node.base, *node.keys, node.value])
    p.put(")")


@opened(ir.Update)
def _open_update(p: Printer, node: ir.Update, depth: int) -> None:
    p.line(depth, node.operation, node.span)
    p.blocks([node.base, *node.keys, *node.operands], depth + 1)
    if node.old is not None:
        p.line(depth + 1, f"as {p.name(node.old)}")
    p.block(node.value, depth + 1)


def _kind(node: ir.Node) -> str:
    return f":{node.kind}" if node.kind else ""


# --- loops ---


@opened(ir.Loop)
def _loop(p: Printer, node: ir.Loop, depth: int) -> None:
    p.line(depth, f"loop{p.names(node.vars)}", node.span)
    p.block(node.body, depth + 1)


@flat(ir.Recur)
def _recur(p: Printer, node: ir.Recur) -> None:
    p.phrase("recur", *node.args)


@opened(ir.Scan)
def _scan(p: Printer, node: ir.Scan, depth: int) -> None:
    head = f"each {p.typed(node.var)}"
    text = _range(p, node.items) if node.ranged else p.short(node.items, nested=True)
    if text is not None:
        p.line(depth, f"{head} in {text} ({node.operation})", node.span)
    else:
        p.line(depth, f"{head} ({node.operation}) {'fused with' if node.fused else 'in'}", node.span)
        p.block(node.items, depth + 1)
        p.line(depth + 1, "do")
    p.block(node.body, depth + 1)


@opened(ir.Each)
def _each(p: Printer, node: ir.Each, depth: int) -> None:
    head = f"each {p.pattern(node.pattern)}"
    text = _range(p, node.items) if node.ranged else p.short(node.items, nested=True)
    if text is not None:
        p.line(depth, f"{head} in {text} ({node.name})", node.span)
    else:
        p.line(depth, f"{head} ({node.name}) in", node.span)
        p.block(node.items, depth + 1)
        p.line(depth + 1, "do")
    if node.blank is not None:
        p.block(node.blank, depth + 1)
    p.block(node.body, depth + 1)


def _range(p: Printer, node: ir.Node | None) -> str | None:
    """The operands of a `range` that is not built."""
    if not isinstance(node, ir.Call):
        return None
    parts = [p.short(arg, nested=True) for arg in node.args]
    return None if None in parts else " ".join(["range", *[part for part in parts if part is not None]])


@opened(ir.Times)
def _times(p: Printer, node: ir.Times, depth: int) -> None:
    p.under(depth, f"times {p.typed(node.var)} below", node.count, node.span)
    p.block(node.body, depth + 1)


@flat(ir.Stop)
def _stop(p: Printer, node: ir.Stop) -> None:
    p.put("stop")


@opened(ir.Collect)
def _collect(p: Printer, node: ir.Collect, depth: int) -> None:
    p.line(depth, "run" if node.into is None else "collect", node.span)
    p.block(node.body, depth + 1)


@flat(ir.Emit)
def _emit(p: Printer, node: ir.Emit) -> None:
    p.phrase(f"emit {p.name(node.into)}", node.value)


@opened(ir.Emit)
def _open_emit(p: Printer, node: ir.Emit, depth: int) -> None:
    p.under(depth, f"emit {p.name(node.into)}", node.value, node.span)


# --- other forms ---


@flat(ir.Special)
def _special(p: Printer, node: ir.Special) -> None:
    form = node.form
    if isinstance(form, ast.MakeVector):
        p.put("[")
        p.row(node.args, "")
        p.put("]")
    elif isinstance(form, ast.MakeMap):
        p.put("{")
        for i, value in enumerate(node.args):
            p.put(f"{' ' if i else ''}{preview(form.keys[i], SHOWN)} ")
            p.operand(value)
        p.put("}")
    elif isinstance(form, ast.ContextRef):
        p.put(f"@{form.name}")
    elif node.bodies or node.vars:
        raise TooLong
    else:
        p.phrase(_form_head(form), *node.args)


@opened(ir.Special)
def _open_special(p: Printer, node: ir.Special, depth: int) -> None:
    if isinstance(node.form, ast.MakeMap):
        p.line(depth, "map", node.span)
        for key, value in zip(node.form.keys, node.args, strict=True):
            p.under(depth + 1, preview(key, SHOWN), value, value.span)
        return
    p.line(depth, f"{_form_head(node.form)}{p.names([var for var in node.vars if var is not None])}", node.span)
    p.blocks([*node.args, *node.bodies], depth + 1)


def _form_head(form: ast.Node) -> str:
    """The word of a form, and the fields that say which it is."""
    if isinstance(form, ast.DefType):
        return f"deftype {form.name} {form.type}"
    if isinstance(form, ast.DefStruct):
        return f"defstruct {form.name} {form.type.replace(name=None)}"
    word = "".join(f"-{c.lower()}" if c.isupper() else c for c in type(form).__name__).lstrip("-")
    if isinstance(form, ast.Step):
        return f"{word} {preview(form.name, SHOWN)}"
    if isinstance(form, ast.Template):
        return f"{word} {form.kind}{''.join(' ~@' if part.splice else ' ~' for part in form.parts)}"
    if isinstance(form, ast.WithHints):
        return f"{word} {' '.join(form.keys)}"
    if isinstance(form, ast.Parallel) and form.names is not None:
        return f"{word} {' '.join(form.names)}"
    for field in ("name", "module", "level", "capability"):
        value = getattr(form, field, None)
        if isinstance(value, str):
            return f"{word} {value}"
    return word
