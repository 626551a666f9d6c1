"""Bounds of what a run keeps, and a kept value that the code of today does not take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.durable_project import begin, make_durable, result
from tests.e2e.running import Running
from tests.e2e.test_crash import dead_letters
from tests.e2e.test_durable import FAIL_ONCE, once
from tests.e2e.test_durable_waits import step

pytestmark = pytest.mark.e2e

CHANGED = step(
    "changed",
    """
  const type = leg === 1 ? 'number' : 'string'
  await once('answer', () => ({ n: leg }), { schema: { type: 'object', properties: { n: { type } } } })
  throw Object.assign(new Error('once more'), { retryAfter: '50ms' })""",
)


async def test_an_entry_too_many_and_a_value_that_breaks_a_new_schema_are_told(tmp_path: Path) -> None:
    """Behaviours 13 and 14."""
    project = make_durable(tmp_path, "ts", more={"steps/changed.step.ts": CHANGED})
    text = (project / "polystep.toml").read_text().replace("[durable]\n", "[durable]\nentries_max = 2\n")
    (project / "polystep.toml").write_text(text)
    async with Running(project) as host:
        many = (once("a"), once("b"), once("c", caught=True), FAIL_ONCE)
        await begin(host, "ts", "many", *many)
        got = await result(host, "many")
        assert (got["a"], got["b"]) == ("v", "v")
        assert got["c"].startswith("journal_full: ")
        assert "entries_max" in got["c"]
        await host.post("/door", {"topic": "go", "data": {"id": "x"}})
        (letter,) = await dead_letters(host, 1)
        # It is no failure that another attempt could mend.
        assert letter["attempts"] == 2
        assert 'once("answer")' in letter["error"]["message"]
        assert "n" in letter["error"]["message"]
