"""Members are added to a document that keeps everything else as it was."""

from __future__ import annotations

import json

import pytest

from polystep.cli.json_members import add_members


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{\n  "name": "a",\n  "scripts": {\n    "test": "jest"\n  },\n  "files": ["a", "b"]\n}\n',
            '{\n  "name": "a",\n  "scripts": {\n    "test": "jest",\n    "dev": "x"\n  },\n  "files": ["a", "b"]\n}\n',
        ),
        ('{\n\t"scripts": {}\n}', '{\n\t"scripts": {\n\t\t"dev": "x"\n\t}\n}'),
        (
            '{\r\n    "name": "a"\r\n}\r\n',
            '{\r\n    "name": "a",\r\n    "scripts": {\r\n        "dev": "x"\r\n    }\r\n}\r\n',
        ),
        ('{"scripts": {"test": "jest"}, "b": 1e2}', '{"scripts": {"test": "jest", "dev": "x"}, "b": 1e2}'),
        ("{}", '{\n  "scripts": {\n    "dev": "x"\n  }\n}'),
        ('\ufeff{ "a": "\\u00e9}" }', '\ufeff{ "a": "\\u00e9}", "scripts": {\n    "dev": "x"\n  } }'),
    ],
)
def test_a_member_stands_as_those_beside_it(before: str, after: str) -> None:
    assert add_members(before, "scripts", {"dev": "x"}) == after
    assert json.loads(after.removeprefix("\ufeff"))["scripts"]["dev"] == "x"


def test_several_members_come_in_order() -> None:
    added = add_members('{\n "scripts": {}\n}', "scripts", {"dev": 'say "hi"', "start": "é"})
    assert added == '{\n "scripts": {\n  "dev": "say \\"hi\\"",\n  "start": "é"\n }\n}'
    assert add_members("nothing", "scripts", {}) == "nothing"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a" 1}', '{"a": 1 "b": 2}', "{1: 2}", '{"scripts": "x"}', '{"a":}'])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        add_members(text, "scripts", {"dev": "x"})
