"""The SQLite database: writes share commits, and each is answered for itself."""

import asyncio
import os
import shutil
import stat
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest

from polystep.contracts.errors import Overloaded, PolystepError
from polystep.contracts.storage import NotStored
from polystep.stores import Database
from polystep.stores.sqlite import writer as writer_module
from polystep.stores.sqlite.writer import GROUP_MAX, GROUP_SOON
from tests.patience import HANG_S

SCHEMA = "CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY) STRICT"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "test.db", SCHEMA, durability="none")
    await made.start()
    async with asyncio.timeout(30):
        yield made
    await made.stop()


def insert(database: Database, number: object) -> asyncio.Future[None]:
    def job(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))

    return database.write(job)


def numbers(database: Database) -> list[int]:
    return [row[0] for row in database.read("SELECT n FROM numbers ORDER BY n")]


class Gate:
    """Holds the writer inside a job until it is opened."""

    def __init__(self, database: Database) -> None:
        self._opened = threading.Event()
        self._reached = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self.passed = database.sweep(self._hold)

    async def reached(self) -> None:
        async with asyncio.timeout(HANG_S):
            await self._reached.wait()

    def open(self) -> None:
        self._opened.set()

    def _hold(self, _: apsw.Connection) -> None:
        self._loop.call_soon_threadsafe(self._reached.set)
        assert self._opened.wait(10)


async def test_writes_that_wait_together_share_a_commit(database: Database) -> None:
    gate = Gate(database)
    await gate.reached()
    before = database.commits
    writes = [insert(database, number) for number in range(GROUP_MAX)]
    gate.open()
    await asyncio.gather(gate.passed, *writes)
    assert (database.commits - before, numbers(database)) == (2, list(range(GROUP_MAX)))


async def test_writes_run_on_the_loop_and_sweeps_in_a_thread(database: Database) -> None:
    def thread(_: apsw.Connection) -> int:
        return threading.get_ident()

    here = threading.get_ident()
    assert await database.write(thread) == here
    assert await database.sweep(thread) != here
    # A group runs in one place.
    assert here not in await asyncio.gather(database.write(thread), database.sweep(thread), database.write(thread))


async def test_many_writes_of_one_turn_begin_before_it_ends(database: Database) -> None:
    ran: list[int] = []

    def note(number: int) -> Callable[[apsw.Connection], None]:
        return lambda _: ran.append(number)

    writes = [database.write(note(number)) for number in range(GROUP_SOON + 5)]
    assert ran == list(range(GROUP_SOON))
    await asyncio.gather(*writes)
    assert ran == list(range(GROUP_SOON + 5))


async def test_a_group_is_bounded(database: Database) -> None:
    gate = Gate(database)
    await gate.reached()
    before = database.commits
    writes = [insert(database, number) for number in range(GROUP_MAX * 2 + 1)]
    gate.open()
    await asyncio.gather(gate.passed, *writes)
    assert database.commits - before == 4


async def test_a_job_that_fails_does_not_fail_its_neighbours(database: Database) -> None:
    await insert(database, 2)
    gate = Gate(database)
    await gate.reached()
    writes = [insert(database, number) for number in (1, 2, 3, "text", 4, object(), 5)]
    gate.open()
    answers = await asyncio.gather(*writes, return_exceptions=True)
    failed = [isinstance(answer, PolystepError) for answer in answers]
    assert (failed, numbers(database)) == ([False, True, False, True, False, True, False], [1, 2, 3, 4, 5])


async def test_nothing_of_a_job_that_fails_half_way_is_stored(database: Database) -> None:
    def half(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO numbers VALUES (1)")
        raise KeyError("half way")

    with pytest.raises(PolystepError, match="nothing of it is stored: KeyError"):
        await database.write(half)
    assert numbers(database) == []


async def test_the_error_of_a_job_that_is_ours_reaches_the_caller_as_it_is(database: Database) -> None:
    def refuse(_: apsw.Connection) -> None:
        raise Overloaded("too much")

    with pytest.raises(Overloaded, match="too much"):
        await database.write(refuse)


async def test_a_full_disk_is_said_and_work_goes_on_when_there_is_space(database: Database) -> None:
    def limit_pages(connection: apsw.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1")

    def fill(connection: apsw.Connection) -> None:
        connection.execute("CREATE TABLE big AS SELECT zeroblob(1000000) AS b")

    def lift(connection: apsw.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1000000")

    await database.write(limit_pages)
    with pytest.raises(PolystepError, match="The disk is full"):
        await database.write(fill)
    await database.write(lift)
    await insert(database, 1)
    assert numbers(database) == [1]


async def test_a_write_beyond_the_bound_is_refused_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "WRITES_WAITING_MAX", 3)
    gate = Gate(database)
    await gate.reached()
    writes = [insert(database, number) for number in range(2)]
    with pytest.raises(Overloaded):
        await insert(database, 99)
    gate.open()
    await asyncio.gather(gate.passed, *writes)
    await insert(database, 2)
    assert numbers(database) == [0, 1, 2]


async def test_stop_answers_everything_that_was_asked_before_it(database: Database) -> None:
    gate = Gate(database)
    await gate.reached()
    writes = [insert(database, number) for number in range(GROUP_MAX + 50)]
    stopping = asyncio.create_task(database.stop())
    await asyncio.sleep(0)
    with pytest.raises(PolystepError, match="is not open"):
        await insert(database, 10_000)
    gate.open()
    await stopping
    assert all(write.done() and write.exception() is None for write in writes)
    await database.start()
    assert numbers(database) == list(range(GROUP_MAX + 50))


async def test_a_caller_that_left_does_not_undo_its_write_or_anyone_elses(database: Database) -> None:
    gate = Gate(database)
    await gate.reached()
    left, stays = insert(database, 1), insert(database, 2)
    left.cancel()
    gate.open()
    await stays
    assert numbers(database) == [1, 2]


async def test_a_read_sees_every_write_that_was_answered(database: Database) -> None:
    for number in range(50):
        await insert(database, number)
        assert len(numbers(database)) == number + 1
        assert await database.scan("SELECT count(*) FROM numbers") == [(number + 1,)]


async def test_scans_that_nobody_waits_for_do_not_disturb_the_next_ones(database: Database) -> None:
    slow = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 300000) SELECT max(i) FROM r"
    for _ in range(5):
        scan = asyncio.create_task(database.scan(slow))
        for _ in range(5):
            await asyncio.sleep(0)
        scan.cancel()
    assert await database.scan("SELECT count(*) FROM numbers") == [(0,)]


async def test_a_stop_waits_for_a_scan_that_nobody_waits_for(database: Database) -> None:
    slow = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1000000) SELECT max(i) FROM r"
    scan = asyncio.create_task(database.scan(slow))
    for _ in range(5):
        await asyncio.sleep(0)
    scan.cancel()
    async with asyncio.timeout(HANG_S):
        await database.stop()
    with pytest.raises(PolystepError, match="is not open"):
        await database.scan("SELECT 1")


async def test_a_read_that_fails_is_an_error_of_ours(database: Database) -> None:
    with pytest.raises(PolystepError, match="no such table"):
        database.read("SELECT * FROM missing")
    with pytest.raises(PolystepError, match="no such table"):
        await database.scan("SELECT * FROM missing")


async def test_a_group_waits_once_for_a_file_that_another_process_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "BUSY_TIMEOUT_MS", 300)
    database = Database(tmp_path / "held.db", SCHEMA, durability="none")
    await database.start()
    gate = Gate(database)
    await gate.reached()
    writes = [insert(database, number) for number in range(100)]
    gate.open()
    await gate.passed
    await asyncio.gather(*writes)
    holder = apsw.Connection(str(tmp_path / "held.db"))
    holder.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(5):
        # One by one the hundred would take half a minute.
        answers = await asyncio.gather(*(insert(database, 1000 + n) for n in range(100)), return_exceptions=True)
    assert {str(answer).partition(",")[0] for answer in answers} == {f"Another process holds {tmp_path / 'held.db'}"}
    holder.execute("ROLLBACK")
    holder.close()
    await insert(database, 5000)
    assert numbers(database) == [*range(100), 5000]
    await database.stop()


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(b"this is not a database file, whatever its name says" * 100)
    database = Database(path, SCHEMA)
    with pytest.raises(PolystepError, match=r"broken\.db is damaged .* move it away, with broken\.db-wal"):
        await database.start()
    await database.stop()
    path.unlink()
    await database.start()
    await insert(database, 1)
    assert numbers(database) == [1]
    await database.stop()


async def test_the_file_and_those_beside_it_are_for_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "private.db"
    before = os.umask(0)
    try:
        for _ in range(2):
            database = Database(path, SCHEMA)
            await database.start()
            await insert(database, 1)
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
            assert modes == {"private.db": 0o600, "private.db-wal": 0o600, "private.db-shm": 0o600}
            await database.write(lambda connection: connection.execute("DELETE FROM numbers"))
            await database.stop()
            path.chmod(0o644)  # as earlier versions made it
    finally:
        os.umask(before)


@pytest.mark.parametrize("is_missing", [True, False])
async def test_a_log_of_writes_without_its_database_is_kept(tmp_path: Path, *, is_missing: bool) -> None:
    path, copies = tmp_path / "lost.db", tmp_path / "copies"
    database = Database(path, SCHEMA, holds="numbers")
    await database.start()
    await insert(database, 1)
    copies.mkdir()
    for name in ("lost.db", "lost.db-wal"):
        shutil.copy(tmp_path / name, copies / name)
    await database.stop()
    (copies / "lost.db").write_bytes(b"")
    if is_missing:
        (copies / "lost.db").unlink()
    log = (copies / "lost.db-wal").read_bytes()
    database = Database(copies / "lost.db", SCHEMA, holds="numbers")
    with pytest.raises(NotStored, match=r"lost\.db is empty or missing, but lost\.db-wal .* without its numbers"):
        await database.start()
    assert (copies / "lost.db-wal").read_bytes() == log
    (copies / "lost.db-wal").unlink()
    await database.start()
    assert numbers(database) == []
    await database.stop()
