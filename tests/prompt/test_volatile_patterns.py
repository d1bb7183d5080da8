from __future__ import annotations

import pytest

from headstart.prompt import spans


def found(text: str) -> list[tuple[str, str]]:
    return [(span.kind.value, text[span.start : span.end]) for span in spans(text)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (
            "id 550e8400-e29b-41d4-a716-446655440000.",
            "uuid",
            "550e8400-e29b-41d4-a716-446655440000",
        ),
        ("key 01ARZ3NDEKTSV4RRFFQ69G5FAV", "ulid", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("see req_011CSHoEeqs5C35K2UUqR7Fy", "request_id", "req_011CSHoEeqs5C35K2UUqR7Fy"),
        ("(msg_01XFDUDYJgAACzvnptvVoYEL)", "request_id", "msg_01XFDUDYJgAACzvnptvVoYEL"),
        ('{"request_id": "r-2291"}', "request_id", "r-2291"),
        ("Session ID: 8c1d-77", "session_id", "8c1d-77"),
        ("in sess-9f8e7d6c now", "session_id", "sess-9f8e7d6c"),
        ("trace id = 4bf92f3577b34da6", "trace_id", "4bf92f3577b34da6"),
        (
            "traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "trace_id",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("at commit 1a2b3c4", "hash", "1a2b3c4"),
        ("md5 d41d8cd98f00b204e9800998ecf8427e", "hash", "d41d8cd98f00b204e9800998ecf8427e"),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
            "jwt",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
        ),
        ("Bearer abc9XyZ81mN2pQr7TuV4wXy=", "token", "abc9XyZ81mN2pQr7TuV4wXy="),
        ("This is request #123.", "counter", "request #123"),
        ("It is turn 5 of 9.", "counter", "turn 5 of 9"),
        ("Token usage: 35203/200000", "counter", "35203"),
        ("164797 tokens left", "counter", "164797"),
        ("write to mia.li3818@example.com.", "email", "mia.li3818@example.com"),
        ("You are talking to Alice Smith.", "user", "Alice Smith"),
        ("user_id: mia_li_3668", "user", "mia_li_3668"),
        ("My user ID is mia_li_3668.", "user", "mia_li_3668"),
        ("username: alice", "user", "alice"),
        ("in /home/alice/project", "user", "alice"),
        ("C:\\Users\\alice\\x", "user", "alice"),
        ("see /tmp/tmpab12cd/out", "temp_path", "/tmp/tmpab12cd/out"),
        ("/var/folders/zz/T/x", "temp_path", "/var/folders/zz/T/x"),
        ("http://localhost:54321/", "port", "54321"),
        ("on port 49152", "port", "49152"),
    ],
)
def test_what_changes_is_found_whole(text: str, kind: str, value: str) -> None:
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Passengers: at most five, in 5 to 7 business days, for $30 each; step 1, part 2.",
        "Example 3: a user id, a request id and a session id identify things.",
        "00000000-0000-0000-0000-000000000000",
        "/usr/local/Cellar/python@3.9/3.9.13_1/Frameworks/Python.framework",
        "test_migrations_are_recorded_and_TestCaseForMigrationExecutor2 in tests/backends/base.py",
        "write to support@acme.com or user@example.com",
        "the server is on localhost:8080, the database on port 5432",
        "save it as /tmp/reproduce.py under /home/user/ or /home/ubuntu/",
        "1234567890123456 is a card; deadbeef is a word; 0xff is 255",
        "call_function and run_command and thread_pool1",
        '{"user_id": {"type": "string"}, "username": "string"}',
        "My user ID is already provided, and the username was unknown",
        "user: Hello. assistant: How can I help?",
    ],
)
def test_what_stays_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_the_more_specific_look_wins() -> None:
    assert found("request_id=550e8400-e29b-41d4-a716-446655440000")[0][0] == "uuid"
    assert found("user id: bob@corp.io")[0][0] == "user"
