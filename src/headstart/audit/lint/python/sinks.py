"""Where a program writes a prompt: arguments of SDKs, messages, names that say so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from headstart.audit.lint.names import prompt_named
from headstart.audit.lint.python.functions import returned
from headstart.audit.lint.python.names import Names, Scope

Section = Literal["system", "tools", "prompt", "message"]
"""Something always stands behind system text and tools. Of "prompt" it is not known what it
is for; a "message" may be the newest one."""

_SDK: Final = (
    "messages.create",
    "messages.stream",
    "messages.parse",
    "messages.count_tokens",
    "completions.create",
    "completions.parse",
    "completions.stream",
    "responses.create",
    "responses.parse",
    "responses.stream",
    "generate_content",
    "generate_content_stream",
    "converse",
    "converse_stream",
    "chat.complete",
    "chat.stream",
    "acompletion",
    "completion",
    "GenerateContentConfig",
    "GenerativeModel",
)
_SECTIONS: Final[dict[str, Section]] = {
    "system": "system",
    "instructions": "system",
    "system_instruction": "system",
    "systemInstruction": "system",
    "tools": "tools",
    "functions": "tools",
    "toolConfig": "tools",
    "messages": "message",
    "contents": "message",
    "input": "message",
    "prompt": "prompt",
}
_ANYWHERE: Final = ("system_prompt", "system_instruction", "system_message", "system_instructions")
_BESIDE: Final = {"messages", "model", "contents", "input", "max_tokens", "modelId"}
_BUILDER: Final[dict[str, Section]] = {"system": "system", "tool": "tools"}
_SYSTEM_ROLES: Final = ("system", "developer")


class Sink(NamedTuple):
    """An expression that becomes part of a prompt."""

    node: ast.expr
    scope: Scope
    section: Section
    where: str
    prose: bool
    """Only its name says so: it has to look like a text as well."""


def sinks(names: Names) -> Iterator[Sink]:
    """Every one of a module, those that an SDK is given first."""
    for scope in names.scopes:
        for node in scope.nodes:
            if isinstance(node, ast.Call):
                yield from _call(node, scope)
    for scope in names.scopes:
        for node in scope.nodes:
            if isinstance(node, ast.Dict):
                yield from _message(node, scope)
    for scope in names.scopes:
        yield from _returned(scope)
        for node in scope.nodes:
            yield from _named(node, scope)


def cache_keys(names: Names) -> Iterator[Sink]:
    """Arguments that name a part of the cache."""
    for scope in names.scopes:
        for node in scope.nodes:
            for keyword in node.keywords if isinstance(node, ast.Call) else ():
                if keyword.arg == "prompt_cache_key":
                    yield Sink(keyword.value, scope, "system", _where(scope, keyword.arg), False)


def _call(node: ast.Call, scope: Scope) -> Iterator[Sink]:
    callee = _tail(node.func)
    given = {keyword.arg for keyword in node.keywords}
    sdk = any(callee == name or callee.endswith(f".{name}") for name in _SDK)
    sdk = sdk or {"messages", "model"} <= given
    for keyword in node.keywords:
        name = keyword.arg or ""
        section = _SECTIONS.get(name)
        where = _where(scope, f"{callee}({name}=)")
        if section is not None and sdk:
            yield Sink(keyword.value, scope, section, where, False)
        elif name in _ANYWHERE or (name == "instructions" and callee.endswith("Agent")):
            yield Sink(keyword.value, scope, "system", where, True)
    if callee.rpartition(".")[2] in ("SystemMessage", "SystemPrompt", "DeveloperMessage"):
        values = [*node.args, *(k.value for k in node.keywords if k.arg in ("content", "text"))]
        for value in values[:1]:
            yield Sink(value, scope, "system", _where(scope, callee), False)
    yield from _built(node, scope)


def _built(node: ast.Call, scope: Scope) -> Iterator[Sink]:
    """``PromptBuilder(...).system(text)``, however the chain goes on."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in _BUILDER:
        return
    root: ast.expr = node.func.value
    while isinstance(root, ast.Call) and isinstance(root.func, ast.Attribute):
        root = root.func.value
    if isinstance(root, ast.Name):
        known = scope.names.get(root.id) or scope.module.names.get(root.id) or []
        made = any("PromptBuilder(" in ast.unparse(one.value) for one in known)
    else:
        made = isinstance(root, ast.Call) and _tail(root.func).endswith("PromptBuilder")
    if made:
        section = _BUILDER[node.func.attr]
        for value in (*node.args, *(keyword.value for keyword in node.keywords)):
            yield Sink(
                value, scope, section, _where(scope, f"PromptBuilder.{node.func.attr}"), False
            )


def _message(node: ast.Dict, scope: Scope) -> Iterator[Sink]:
    """A message, or the arguments of a request that are passed on with ``**``."""
    items = {
        key.value: value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    if "role" in items and "content" in items:
        role = items["role"].value if isinstance(items["role"], ast.Constant) else None
        section: Section = "system" if role in _SYSTEM_ROLES else "message"
        if isinstance(role, str):
            yield Sink(items["content"], scope, section, _where(scope, f"{role} message"), False)
    elif _BESIDE & set(items):
        for name in ("system", "instructions", "system_instruction", "tools"):
            if name in items and len(_BESIDE & set(items)) >= 1:
                section = _SECTIONS[name]
                yield Sink(items[name], scope, section, _where(scope, f'"{name}"'), True)


def _returned(scope: Scope) -> Iterator[Sink]:
    node = scope.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        section = _named_section(node.name)
        for value in returned(node) if section else ():
            yield Sink(value, scope, section or "prompt", scope.qualified(), True)


def _named(node: ast.AST, scope: Scope) -> Iterator[Sink]:
    targets: list[ast.expr]
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr not in ("append", "extend", "insert") or not node.args:
            return
        targets, value = [node.func.value], node.args[-1]
    elif isinstance(node, ast.AnnAssign | ast.AugAssign) and node.value is not None:
        targets, value = [node.target], node.value
    else:
        return
    for target in targets:
        name = target.id if isinstance(target, ast.Name) else ""
        name = target.attr if isinstance(target, ast.Attribute) else name
        section = _named_section(name)
        if section is not None:
            yield Sink(value, scope, section, _where(scope, name), True)


def _named_section(name: str) -> Section | None:
    found = prompt_named(name)
    return "system" if found == "system" else "prompt" if found == "prompt" else None


def _tail(node: ast.expr) -> str:
    """The last two names of a chain."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts[:2]))


def _where(scope: Scope, what: str) -> str:
    return ": ".join(filter(None, (scope.qualified(), what)))
