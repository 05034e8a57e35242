"""What this machine remembers: whole objects, a journal, and one writer."""

import multiprocessing
import os
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine import open_archive
from tiered.catalogue.cache import Cache
from tiered.errors import Locked, ScratchError
from tiered.testing.tree import build, file


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def put(cache: Cache, name: str, data: bytes) -> None:
    with cache.writing(name) as out:
        out.write(data)


def get(cache: Cache, name: str) -> bytes:
    with cache.open(name) as stored:
        return stored.read()


def keep(cache: Cache, name: str, stored_size: int, data: bytes) -> None:
    with cache.writing_opened(name, stored_size) as out:
        out.write(data)


def look(cache: Cache, name: str, stored_size: int) -> bytes:
    stream = cache.opened(name, stored_size)
    assert stream is not None
    with stream:
        return stream.read()


def state_of(cache: Cache, set_name: str, index_size: int = 7) -> bytes | None:
    stream = cache.state(set_name, index_size)
    if stream is None:
        return None
    with stream:
        return stream.read()


class TestObjects:
    def test_round_trip(self, cache: Cache) -> None:
        assert cache.names() == ()
        assert cache.size("a") is None
        put(cache, "a", b"data")
        assert (cache.names(), cache.size("a"), get(cache, "a")) == (("a",), 4, b"data")
        put(cache, "a", b"newer")
        assert get(cache, "a") == b"newer"
        cache.forget("a")
        cache.forget("a")
        assert cache.names() == ()

    @pytest.mark.parametrize(
        "name",
        ["a/b/c", "../../up", "ü", "per%cent", "%2F", "sp ace", ".hidden", "a:b"],
    )
    def test_any_name_stays_in_the_folder(
        self, name: str, cache: Cache, tmp_path: Path
    ) -> None:
        put(cache, name, b"x")
        assert cache.names() == (name,)
        assert get(cache, name) == b"x"
        assert [p.name for p in tmp_path.iterdir()] == ["cache"]

    def test_an_object_that_was_not_written_to_the_end_is_not_there(
        self, cache: Cache, tmp_path: Path
    ) -> None:
        put(cache, "a", b"old")
        with suppress(KeyError), cache.writing("a") as out:
            out.write(b"half")
            raise KeyError
        assert get(cache, "a") == b"old"
        assert [p.name for p in (tmp_path / "cache/objects").iterdir()] == ["a"]

    def test_what_a_killed_run_left_is_no_object(
        self, cache: Cache, tmp_path: Path
    ) -> None:
        put(cache, "a", b"x")
        (tmp_path / "cache/objects/b.0123abcd.part~").write_bytes(b"half")
        assert cache.names() == ("a",)

    def test_two_processes_may_fetch_the_same_object(self, cache: Cache) -> None:
        with cache.writing("a") as one, cache.writing("a") as two:
            one.write(b"same")
            two.write(b"same")
        assert get(cache, "a") == b"same"

    def test_a_folder_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        broken = Cache(tmp_path / "file")
        with pytest.raises(ScratchError, match="cache") as caught:
            put(broken, "a", b"")
        assert "--archive-dir" in caught.value.hint
        with pytest.raises(ScratchError), broken.locked():
            pass
        with pytest.raises(ScratchError):
            broken.journal_add(["x"])

    def test_it_is_for_its_owner_alone(self, cache: Cache, tmp_path: Path) -> None:
        with cache.locked():
            pass
        assert (tmp_path / "cache/objects").stat().st_mode & 0o077 == 0


class TestOpened:
    """Hot objects as they are when decrypted, and what is made from them."""

    def test_round_trip(self, cache: Cache) -> None:
        assert cache.opened("a", 9) is None
        keep(cache, "a", 9, b"plain")
        assert look(cache, "a", 9) == b"plain"
        assert cache.names() == ("a",)
        assert cache.size("a") is None  # not as stored

    def test_one_made_from_another_object_is_not_used(self, cache: Cache) -> None:
        keep(cache, "a", 9, b"plain")
        assert cache.opened("a", 8) is None
        assert cache.opened("a", 90) is None

    def test_the_last_one_counts(self, cache: Cache, tmp_path: Path) -> None:
        for size, data in ((9, b"one"), (10, b"two"), (10, b"three")):
            keep(cache, "a", size, data)
        assert cache.opened("a", 9) is None
        assert look(cache, "a", 10) == b"three"
        assert len(list((tmp_path / "cache/opened").iterdir())) == 1

    def test_names_of_both_folders(self, cache: Cache) -> None:
        put(cache, "a", b"sealed")
        keep(cache, "a", 6, b"plain")
        keep(cache, "b", 6, b"plain")
        assert cache.names() == ("a", "b")
        cache.forget("a")
        assert cache.names() == ("b",)
        assert cache.opened("a", 6) is None
        assert look(cache, "b", 6) == b"plain"

    @pytest.mark.parametrize(
        "name", ["a/b", "../up", "a=1", "a=1=2", "=", "%3D", "sp ace", "ü", "a.part~x"]
    )
    def test_any_name_stays_in_the_folder(
        self, name: str, cache: Cache, tmp_path: Path
    ) -> None:
        keep(cache, name, 1, b"x")
        assert cache.names() == (name,)
        assert look(cache, name, 1) == b"x"
        assert [p.name for p in tmp_path.iterdir()] == ["cache"]
        cache.forget(name)
        assert cache.names() == ()

    def test_a_name_that_begins_like_another_is_another(self, cache: Cache) -> None:
        keep(cache, "a", 1, b"x")
        keep(cache, "ab", 1, b"y")
        cache.forget("a")
        assert cache.names() == ("ab",)

    @pytest.mark.parametrize("damage", [b"", b"pla", b"plain and more"])
    def test_one_that_was_cut_is_not_used(
        self, damage: bytes, cache: Cache, tmp_path: Path
    ) -> None:
        keep(cache, "a", 9, b"plain")
        (path,) = (tmp_path / "cache/opened").iterdir()
        path.write_bytes(damage)
        assert cache.opened("a", 9) is None
        keep(cache, "a", 9, b"plain")
        assert look(cache, "a", 9) == b"plain"

    def test_a_failure_leaves_the_old_one(self, cache: Cache, tmp_path: Path) -> None:
        keep(cache, "a", 9, b"old")
        with suppress(KeyError), cache.writing_opened("a", 9) as out:
            out.write(b"half")
            raise KeyError
        assert look(cache, "a", 9) == b"old"
        assert len(list((tmp_path / "cache/opened").iterdir())) == 1

    def test_an_open_one_may_be_forgotten(self, cache: Cache) -> None:
        keep(cache, "a", 9, b"plain")
        stream = cache.opened("a", 9)
        assert stream is not None
        with stream:
            cache.forget("a")
            assert stream.read() == b"plain"

    def test_they_are_for_their_owner_alone(self, cache: Cache, tmp_path: Path) -> None:
        keep(cache, "a", 9, b"plain")
        for folder in (tmp_path / "cache", tmp_path / "cache/opened"):
            assert folder.stat().st_mode & 0o077 == 0

    def test_there_is_one_state(self, cache: Cache, tmp_path: Path) -> None:
        assert state_of(cache, "full 1") is None
        for name in ("full 1", "inc 1 to 2"):
            with cache.writing_state(name, 7) as out:
                out.write(name.encode())
        assert state_of(cache, "full 1") is None
        assert state_of(cache, "inc 1 to 2", 8) is None
        assert state_of(cache, "inc 1 to 2") == b"inc 1 to 2"
        assert len(list((tmp_path / "cache/state").iterdir())) == 1
        assert cache.names() == ()
        cache.forget_state("full 1")
        assert state_of(cache, "inc 1 to 2") == b"inc 1 to 2"
        cache.forget_state("inc 1 to 2")
        assert state_of(cache, "inc 1 to 2") is None

    def test_the_newest_state_is_kept_beside_another(self, cache: Cache) -> None:
        for name in ("full 1", "inc 1 to 2", "inc 2 to 3"):
            with cache.writing_state(name, 7, newest="inc 2 to 3") as out:
                out.write(b"state")
        with cache.writing_state("full 1", 7, newest="inc 2 to 3") as out:
            out.write(b"state")
        assert state_of(cache, "inc 1 to 2") is None
        assert state_of(cache, "inc 2 to 3") == state_of(cache, "full 1") == b"state"
        with cache.writing_state("inc 3 to 4", 7):
            pass
        assert state_of(cache, "inc 2 to 3") is state_of(cache, "full 1") is None

    def test_a_state_that_fails_leaves_the_old_one(self, cache: Cache) -> None:
        with cache.writing_state("full 1", 7) as out:
            out.write(b"old")
        with suppress(KeyError), cache.writing_state("inc 1 to 2", 7):
            raise KeyError
        assert state_of(cache, "full 1") == b"old"

    def test_a_folder_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        broken = Cache(tmp_path / "file")
        with pytest.raises(ScratchError, match="cache"):
            keep(broken, "a", 1, b"")
        with pytest.raises(ScratchError, match="cache"):
            broken.recipient_set("age1")


class TestRecipient:
    def test_it_is_remembered(self, cache: Cache, tmp_path: Path) -> None:
        assert cache.recipient() is None
        cache.recipient_set("age1abc")
        assert Cache(tmp_path / "cache").recipient() == "age1abc"
        cache.recipient_set("age1def")
        assert cache.recipient() == "age1def"
        cache.recipient_forget()
        cache.recipient_forget()
        assert cache.recipient() is None

    def test_an_empty_one_is_none(self, cache: Cache, tmp_path: Path) -> None:
        cache.recipient_set("age1abc")
        (tmp_path / "cache/recipient").write_text("\n")
        assert cache.recipient() is None


class TestTornFiles:
    """A cached object that is damaged costs time, never an answer."""

    @pytest.mark.parametrize("damage", [b"", b"short"])
    def test_an_object_of_another_size_is_fetched_again(
        self, damage: bytes, tmp_path: Path
    ) -> None:
        archive = open_archive(tmp_path)
        source = tmp_path / "source"
        build(source, {b"a": file(b"A")})
        archive.back_up(source)
        cache = archive.context.cache
        assert len(cache.names()) == 2
        for name in cache.names():
            put(cache, name, damage)
        archive.clock.sleep_s(100)
        build(source, {b"a": file(b"A"), b"b": file(b"B")})
        assert archive.back_up(source).tally.deleted == 0
        assert archive.restore(tmp_path / "out").files == 2

    def test_a_lost_cache_is_filled_again(self, tmp_path: Path) -> None:
        archive = open_archive(tmp_path)
        source = tmp_path / "source"
        build(source, {b"a": file(b"A")})
        archive.back_up(source)
        for name in archive.context.cache.names():
            archive.context.cache.forget(name)
        archive.clock.sleep_s(100)
        report = archive.back_up(source)
        assert not report.set_id.is_full
        assert len(archive.context.cache.names()) == 4

    @pytest.mark.parametrize("text", ["", "{", '{"a": 1', "\0\0"])
    def test_a_journal_that_does_not_parse_is_empty(
        self, text: str, cache: Cache, tmp_path: Path
    ) -> None:
        cache.journal_add(["full x"])
        (tmp_path / "cache/journal.json").write_text(text)
        assert cache.journal() == ()
        cache.journal_add(["full y"])
        assert cache.journal() == ("full y",)


class TestJournal:
    def test_sets_come_and_go(self, cache: Cache) -> None:
        assert cache.journal() == ()
        cache.journal_add(["full 1"])
        cache.journal_add(["inc 2", "inc 3"])
        cache.journal_add(["full 1"])
        assert set(cache.journal()) == {"full 1", "inc 2", "inc 3"}
        cache.journal_remove(["full 1", "inc 3", "never added"])
        assert cache.journal() == ("inc 2",)

    def test_it_outlives_the_process(self, cache: Cache, tmp_path: Path) -> None:
        cache.journal_add(["full 1"])
        assert Cache(tmp_path / "cache").journal() == ("full 1",)

    def test_thaws_keep_the_last_request(self, cache: Cache) -> None:
        assert cache.thaws() == {}
        cache.thaws_add(["a", "b"], 100.5)
        cache.thaws_add(["b"], 200.0)
        assert cache.thaws() == {"a": 100.5, "b": 200.0}

    def test_two_processes_lose_nothing(self, cache: Cache, tmp_path: Path) -> None:
        fork = multiprocessing.get_context("fork")
        children = [
            fork.Process(target=add_many, args=(tmp_path / "cache", n))
            for n in range(3)
        ]
        for child in children:
            child.start()
        for child in children:
            child.join()
            assert child.exitcode == 0
            child.close()
        assert len(cache.thaws()) == 60


def add_many(folder: Path, number: int) -> None:
    for i in range(20):
        Cache(folder).thaws_add([f"{number}-{i}"], 1.0)


class TestLock:
    def test_one_writer(self, cache: Cache, tmp_path: Path) -> None:
        with cache.locked():
            other = Cache(tmp_path / "cache")
            with pytest.raises(Locked) as caught, other.locked():
                pass
            assert str(tmp_path) in caught.value.hint
        with cache.locked():
            pass

    def test_reading_needs_no_lock(self, cache: Cache, tmp_path: Path) -> None:
        put(cache, "a", b"x")
        with cache.locked():
            other = Cache(tmp_path / "cache")
            assert get(other, "a") == b"x"
            other.thaws_add(["a"], 1.0)

    def test_the_lock_of_a_dead_process_does_not_count(
        self, cache: Cache, tmp_path: Path
    ) -> None:
        child = os.fork()
        if not child:
            with Cache(tmp_path / "cache").locked():
                os._exit(0)  # as if killed: nothing is cleaned up
        os.waitpid(child, 0)
        assert (tmp_path / "cache/lock").exists()
        with cache.locked():
            pass

    def test_a_failure_inside_frees_it(self, cache: Cache) -> None:
        with pytest.raises(KeyError), cache.locked():
            raise KeyError
        with cache.locked():
            pass
