"""What is found in programs, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.lint.linting import codes, findings

IMPORTS = """
import glob, json, os, random, secrets, socket, tempfile, time, uuid
import datetime as dt
from datetime import date, datetime, timezone
from string import Template
"""
LONG = "Be kind to everybody who asks for help. " * 40


def found(tmp_path: Path, source: str) -> list[str]:
    return codes(tmp_path / "a.py", IMPORTS + source)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ('f"It is {datetime.now()} now, be kind."', "HS001"),
        ('f"It is {dt.datetime.utcnow().isoformat()} now, be kind."', "HS001"),
        ('"It is {} now, be kind.".format(time.time())', "HS001"),
        ('"It is {when} now, be kind.".format(when=time.strftime("%c"))', "HS001"),
        ('"It is %s now, be %s." % (datetime.now(), "kind")', "HS001"),
        ('"It is %(t)s now, be kind." % {"t": datetime.now()}', "HS001"),
        ('"It is now, be kind: " + str(datetime.now(timezone.utc))', "HS001"),
        ('" ".join(["Be kind to all.", str(int(time.time()))])', "HS001"),
        ('Template("Be kind, it is $t now").substitute(t=datetime.now())', "HS001"),
        ('f"It is {datetime.now():%H:%M} now, be kind."', "HS001"),
        ('f"Today is {datetime.now():%d %B %Y}, be kind."', "HS002"),
        ('f"Today is {date.today().isoformat()}, be kind."', "HS002"),
        ("f\"Today is {datetime.now().strftime('%A')}, be kind.\"", "HS002"),
        ('f"You are agent {uuid.uuid4().hex[:8]} and kind."', "HS004"),
        ('f"You are agent {str(uuid.uuid1())} and kind."', "HS004"),
        ('f"Nonce {secrets.token_hex()} of a kind agent."', "HS011"),
        ('f"Nonce {os.urandom(8).hex()} of a kind agent."', "HS011"),
        ('f"Be {random.choice(KINDS)} to all who ask."', "HS017"),
        ('f"You are process {os.getpid()} and kind."', "HS018"),
        ('f"You are object {id(KINDS)} and very kind."', "HS018"),
        ('f"You are on {socket.gethostname()} and kind."', "HS018"),
        ('f"Work in {tempfile.mkdtemp()} and be kind."', "HS015"),
        ('"Be kind to " + ", ".join({"a", "b"}) + " and others"', "HS031"),
        ('f"Be kind to {set(KINDS)} and to others"', "HS031"),
        ('"Be kind to all these: " + ", ".join(k for k in set(KINDS))', "HS031"),
        ('"Be kind to all these: " + ", ".join(list(frozenset(KINDS) | {"a", "b"}))', "HS031"),
        ('f"Fit this schema: {json.dumps(load())}"', "HS032"),
        ('"You may read: " + str(os.listdir("."))', "HS033"),
        ('"You may read: " + " ".join(glob.glob("*.md"))', "HS033"),
    ],
)
def test_what_changes(tmp_path: Path, value: str, code: str) -> None:
    assert found(tmp_path, f"KINDS = load()\nSYSTEM_PROMPT = {value}\n") == [code]


@pytest.mark.parametrize(
    "value",
    [
        'f"Be {KIND} to all of them, always."',
        'f"It is the year {datetime.now().year}, so be kind."',
        'f"It is {datetime.now():%Y} now, so be kind."',
        'f"At {datetime.fromisoformat(KIND)} you were told to be kind."',
        '"Be kind to " + ", ".join(sorted({"a", "b"})) + " and others"',
        '"Be kind to " + str(len({"a", "b"})) + " and others"',
        '"You may read: " + " ".join(sorted(os.listdir(".")))',
        'f"Fit this schema: {json.dumps(load(), sort_keys=True)}"',
        "f\"Fit this schema: {json.dumps({'a': 1, 'b': [2]})}\"",
        'f"Fit this schema: {json.dumps(load(), **OPTIONS)}"',
        "f\"Numbers to think of: {', '.join(map(str, sorted({1, 2})))}\"",
        'f"{datetime.now():%Y%m%d}.log"',
        '"a kind agent, " + ("x" if {"a"} else "y")',
        "uuid.uuid4()",
    ],
)
def test_what_does_not(tmp_path: Path, value: str) -> None:
    assert found(tmp_path, f"KIND = load()\nSYSTEM_PROMPT = {value}\n") == []


@pytest.mark.parametrize(
    "code",
    [
        'log.info(f"prompt sent at {datetime.now()} to the model")',
        'prompt_path = f"prompts of/the day {datetime.now()}.txt"',
        'prompt_id = f"the prompt with id {uuid.uuid4()} is it"',
        'subprocess.run(cmd, input=f"it is now {datetime.now()} and counting")',
        'save({"role": "user", "content": f"{datetime.now()} Hi"})',
        'llm.messages.create(messages=[{"role": "user", "content": f"It is {datetime.now()}."}])',
        'template = f"report_{uuid.uuid4()}.html"',
        "def test_prompt():\n    started = time.time()\n    assert time.time() - started < 5",
        'print(f"system prompt is ready, {datetime.now()}")',
        'random.seed(3)\nSYSTEM = f"Be {random.choice([1, 2])} times as kind."',
        'from mine import random\nSYSTEM = f"Be {random.choice(KINDS)} to all who ask."',
    ],
)
def test_where_nothing_is_lost(tmp_path: Path, code: str) -> None:
    assert found(tmp_path, code + "\n") == []


@pytest.mark.parametrize(
    "sink",
    [
        "client.messages.create(system={v}, messages=[])",
        "client.messages.stream(system=[{{'type': 'text', 'text': {v}}}], messages=[])",
        "client.responses.create(instructions={v}, input='Hi')",
        "client.chat.completions.create(messages=[{{'role': 'system', 'content': {v}}}])",
        "client.models.generate_content(contents='Hi', config=C(system_instruction={v}))",
        "client.converse(system=[{{'text': {v}}}], messages=[])",
        "Agent(name='a', instructions={v})",
        "SystemMessage(content={v})",
        "PromptBuilder('m').system({v})",
        "PromptBuilder('m').tool('n', {v}, S)",
        "client.messages.create(tools=[{{'name': 'a', 'description': {v}}}], messages=[])",
        "client.messages.create(**{{'system': {v}, 'messages': []}})",
        "def build_system_prompt():\n    return {v}",
        "class A:\n    system_prompt = {v}",
        "self.instructions = {v}",
        "parts = []\nparts.append({v})\nSYSTEM = '\\n'.join(parts)",
        "text = 'Be kind to all of them.'\ntext += {v}\nllm(system_prompt=text)",
        "def text():\n    return {v}\nllm(system_prompt=text())",
        "def text(x):\n    return f'Be kind to all of them. {{x}}'\nSYSTEM = text({v})",
        "class A:\n  def t(self):\n    return {v}\n  def system_prompt(self):\n    return self.t()",
        "class A:\n  def f(self):\n    self.t = {v}\n  def system_prompt(self):\n    return self.t",
        "if a:\n    system_prompt = {v}\nelse:\n    system_prompt = ''",
        "system_prompt = {v} if a else ''",
        "async def f():\n    await client.messages.create(system={v}, messages=[])",
    ],
)
def test_where_a_prompt_is_written(tmp_path: Path, sink: str) -> None:
    value = 'f"It is {datetime.now()} now, be kind to all."'
    assert found(tmp_path, sink.format(v=value) + "\n") == ["HS001"]


def test_in_a_message_a_change_counts_in_front_of_much(tmp_path: Path) -> None:
    message = 'messages = [{"role": "user", "content": f"It is {datetime.now()}. " + TEXT}]\n'
    assert found(tmp_path, f"TEXT = {LONG!r}\n{message}") == ["HS001"]
    assert found(tmp_path, f"TEXT = 'Be kind.'\n{message}") == []


def test_tools_out_of_a_set(tmp_path: Path) -> None:
    call = "client.messages.create(tools=tools, messages=[])\n"
    assert found(tmp_path, f"tools = list(set(load()))\n{call}") == ["HS021"]
    assert found(tmp_path, f"tools = [t.schema for t in {{a, b}}]\n{call}") == ["HS021"]
    assert found(tmp_path, f"tools = sorted(set(load()))\n{call}") == []
    assert found(tmp_path, f"tools = list(set(load()))\ntools.sort()\n{call}") == []
    assert found(tmp_path, f"tools = list(registry.values())\n{call}") == []


def test_a_value_that_is_replaced_does_not_count(tmp_path: Path) -> None:
    source = 'x = datetime.now()\nx = "noon"\nSYSTEM = f"It is {x} now, be kind to all."\n'
    assert found(tmp_path, source) == []


def test_names_of_unknown_values(tmp_path: Path) -> None:
    source = 'def system_prompt(current_time):\n    return f"Now {current_time}, be kind to all."\n'
    (one,) = findings(tmp_path / "a.py", source)
    assert (one.code, one.where) == ("HS003", "system_prompt")
    asked = f'def system_prompt(question):\n    return f"Q: {{question}} {LONG}"\n'
    assert codes(tmp_path / "b.py", asked) == ["HS041"]


def test_one_call_is_one_finding_at_its_own_place(tmp_path: Path) -> None:
    source = (
        "from datetime import datetime\r\n"
        "NOW = datetime.now()  # é\r\n"
        'SYSTEM = f"It is {NOW}, be kind to all."\r\n'
        "ask(system_prompt=SYSTEM)\r\n"
    )
    (one,) = findings(tmp_path / "a.py", source)
    assert one.place == (2, 7, 2, 21)


def test_money_is_that_of_the_fixed_text_behind(tmp_path: Path) -> None:
    text = f'f"Today is {{date.today()}}. {LONG}"\n'
    source = f"from datetime import date\ndef system():\n    return {text}"
    (one,) = findings(tmp_path / "a.py", source, model="claude-opus-5-5")
    assert one.tokens is not None
    assert 150 < one.tokens < 400
    assert one.usd is not None


def test_what_is_made_once_a_process_is_said_to_be(tmp_path: Path) -> None:
    source = f'from datetime import date\nSYSTEM = f"Today is {{date.today()}}. {LONG}"\n'
    (one,) = findings(tmp_path / "a.py", source, model="claude-opus-5-5")
    assert one.message.endswith("another one in each process")
    assert one.tokens
    assert one.usd is None


@pytest.mark.parametrize(
    "source",
    [
        "SYSTEM = SYSTEM + SYSTEM + f'be kind to all of them'\n",
        "def a():\n    return b()\ndef b():\n    return a()\nSYSTEM = a()\n",
        "\n".join(["x = 'be kind to all of them'"] + ["x = x + x + x"] * 60 + ["SYSTEM = x"]),
        "x = ''\nfor i in range(9):\n    x = f'{x}{x}{x}{x}'\nSYSTEM = x\n",
        "class A:\n    def p(self):\n        return self.p() + self.p()\n    def system(self):\n"
        "        return self.p()\n",
        "",
        "\ufeffSYSTEM = 1\n",
    ],
)
def test_what_leads_in_circles_ends(tmp_path: Path, source: str) -> None:
    assert codes(tmp_path / "a.py", source) == []
