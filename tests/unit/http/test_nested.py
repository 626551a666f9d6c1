"""Names with brackets, in queries and forms; the expected values are those of `qs` with Express's settings."""

from __future__ import annotations

import pytest

from polystep.contracts.values import JSONObject
from polystep.http.bodies import parse_fields
from tests.unit.http.fakes import api_step, running


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("filter[name]=x&filter[age]=7", {"filter": {"name": "x", "age": "7"}}),
        ("filter%5Bname%5D=x", {"filter": {"name": "x"}}),
        ("tags[]=1", {"tags": ["1"]}),
        ("tags[]=1&tags[]=2", {"tags": ["1", "2"]}),
        ("tags=1&tags[]=2", {"tags": ["1", "2"]}),
        ("a[1]=b&a[0]=a", {"a": ["a", "b"]}),
        ("a[1]=b&a[15]=c", {"a": ["b", "c"]}),
        ("a[21]=x", {"a": {"21": "x"}}),
        ("a[01]=x", {"a": {"01": "x"}}),
        ("rows[0][id]=1&rows[0][n]=2&rows[1][id]=3", {"rows": [{"id": "1", "n": "2"}, {"id": "3"}]}),
        ("rows[][id]=1&rows[][id]=2", {"rows": [{"id": "1"}, {"id": "2"}]}),
        ("a[]=b&a[t]=u", {"a": {"0": "b", "t": "u"}}),
        ("a[b]=c&a=d", {"a": {"b": "c", "d": True}}),
        ("a=b&a[c]=d", {"a": ["b", {"c": "d"}]}),
        ("a[b][c][d][e][f][g][h]=x", {"a": {"b": {"c": {"d": {"e": {"f": {"[g][h]": "x"}}}}}}}),
        ("a[]=", {"a": [""]}),
        ("a[b", {"a[b": ""}),
        ("a[b]c=x", {"a[b]c": "x"}),
        ("[a]=x", {"a": "x"}),
        ("__proto__[x]=1&a[__proto__][x]=2&a[constructor][prototype][x]=3&__proto__=4", {}),
        ("constructor=x", {"constructor": "x"}),
    ],
)
def test_brackets_make_maps_and_lists(text: str, value: JSONObject) -> None:
    assert parse_fields(text) == value


def test_many_levels_and_many_fields_cost_no_more_than_they_should() -> None:
    assert parse_fields("a" + "[b]" * 5000 + "=x") == {"a": {"b": {"b": {"b": {"b": {"b": {"[b]" * 4995: "x"}}}}}}}
    text = "&".join(f"a[]={number}" for number in range(1000))
    assert parse_fields(text) == {"a": [str(number) for number in range(1000)]}


async def test_queries_and_forms_reach_the_handler_nested() -> None:
    async with running(api_step("Post", "POST", "/post")) as harness:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        await harness.client.post("/post?filter[name]=x&tags[]=1", data="user[name]=Ada&user[tags][]=a", headers=kind)
        assert harness.steps.request["queryParams"] == {"filter": {"name": "x"}, "tags": ["1"]}
        assert harness.steps.request["body"] == {"user": {"name": "Ada", "tags": ["a"]}}
