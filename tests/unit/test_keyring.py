"""Ways into an archive, over real stores: made, used, lost, forged."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest

from tests.engine import Archive, file_store, open_archive
from tests.keys import (
    User,
    ensure,
    fresh,
    keyring,
    store_manifest,
    way,
)
from tests.unit.age_peers import age_decrypt, pyrage_decrypt
from tiered.archive.collection import collect
from tiered.codec.age import FileKey, ScryptIdentity, X25519Identity, wrap_identity
from tiered.codec.age.header import Stanza
from tiered.engine.native.keyobjects import KeyObjects
from tiered.engine.native.keyring import Keyring, NewWay
from tiered.engine.native.unlocking import Opened, Unlocking
from tiered.engine.native.ways import (
    Way,
    add_way,
    init_keys,
    list_ways,
    revoke_way,
    rotate_way,
)
from tiered.errors import (
    ArchiveDamaged,
    ConfigError,
    Corrupt,
    Frozen,
    ListingDoubtful,
    PassphraseError,
    TieredError,
    Unavailable,
)
from tiered.monitor import SilentMonitor
from tiered.router.route import Mode, OnFail
from tiered.router.router import Router
from tiered.router.rules import Member, Rules, Tier
from tiered.store import PutMode, Store
from tiered.testing.clocks import JumpingClock
from tiered.testing.cold import ColdSettings, ColdStore
from tiered.testing.faulty import Faulty
from tiered.testing.sources import BytesSource

KEY, COPY = "tiered-key.main.1.age", "tiered-keycopy.main.1.age"
When = Literal["before", "after"]
PERSON = X25519Identity.generate(os.urandom)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """With a key that the passphrase `one` opens."""
    made = open_archive(tmp_path)
    ensure(made, keyring(made, User("one")))
    return made


def folder(archive: Archive) -> dict[str, bytes]:
    store = archive.context.store
    found = {}
    for entry in store.list():
        with store.get(entry.name) as stream:
            found[entry.name] = stream.read()
    return found


def public(archive: Archive, passphrase: str = "one") -> str:
    """What a machine that has never seen the archive takes for its key."""
    text = archive.context.cache.recipient()
    archive.context.cache.recipient_forget()
    try:
        return str(keyring(archive, User(passphrase)).identity().recipient)
    finally:
        if text:
            archive.context.cache.recipient_set(text)


def opens(archive: Archive, passphrase: str) -> bool:
    try:
        public(archive, passphrase)
    except PassphraseError:
        return False
    return True


class TestNewArchive:
    def test_the_key_and_its_copy_are_written(self, archive: Archive) -> None:
        stored = folder(archive)
        assert set(stored) == {KEY, COPY}
        assert stored[KEY] == stored[COPY]
        assert any("recovery sheet" in note for note in archive.said.notes)

    def test_other_programs_open_it(self, archive: Archive, tmp_path: Path) -> None:
        content = pyrage_decrypt(folder(archive)[KEY], [], "one")
        assert content is not None
        key = content.decode().splitlines()[-1]
        name = store_manifest(archive, keyring(archive, User()).recipient())
        assert age_decrypt(folder(archive)[name], [key], tmp_path) == b"{}"

    def test_without_a_passphrase_nothing_is_written(self, tmp_path: Path) -> None:
        made = open_archive(tmp_path)
        with pytest.raises(PassphraseError):
            ensure(made, keyring(made, User()))
        assert folder(made) == {}
        assert made.context.cache.recipient() is None

    def test_a_new_passphrase_is_asked_for_twice_and_an_old_one_is_not(
        self, tmp_path: Path
    ) -> None:
        made, user = open_archive(tmp_path), User("one")
        ensure(made, keyring(made, user))
        assert user.asked == [True]
        keyring(fresh(tmp_path, "other"), user).identity()
        assert user.asked == [True, False]

    def test_the_maker_unlocks_nothing(self, tmp_path: Path) -> None:
        made, user = open_archive(tmp_path), User("one")
        ring = keyring(made, user)
        ensure(made, ring)
        assert ring.identity().recipient == ring.recipient()
        assert user.asked == [True]

    def test_the_second_time_nothing_happens(self, archive: Archive) -> None:
        before = folder(archive)
        user = User("another")
        ensure(archive, keyring(archive, user))
        assert (folder(archive), user.asked) == (before, [])

    def test_of_two_makers_the_second_takes_the_key_of_the_first(
        self, archive: Archive, tmp_path: Path
    ) -> None:
        """Its listing was made before the first one wrote."""
        late = fresh(tmp_path, "late")
        stat = late.context.store.extras.stat
        assert stat is not None
        ring = keyring(late, User("one"))
        ring.make(X25519Identity.generate(os.urandom), "main", way("one"))
        assert ring.recipient() == keyring(archive, User()).recipient()
        assert len(folder(archive)) == 2

    def test_a_key_that_is_not_listed_yet_is_there(self, archive: Archive) -> None:
        ring = keyring(archive, User("one"))
        before = folder(archive)
        ring.ensure(collect((), archive.context.namer))
        assert folder(archive) == before

    def test_a_key_that_was_replaced_meanwhile_is_noticed(self, tmp_path: Path) -> None:
        made = open_archive(tmp_path)
        ring = keyring(made, User("one"))
        ensure(made, ring)
        ring.check_made()
        made.context.store.put(KEY, BytesSource(b"another's"), PutMode.REPLACE)
        with pytest.raises(Corrupt, match="holds something else"):
            ring.check_made()


class TestPublicHalf:
    def test_is_remembered_and_needs_no_passphrase(self, archive: Archive) -> None:
        user = User()
        assert str(keyring(archive, user).recipient()) == public(archive)
        assert user.asked == []

    def test_is_unlocked_where_it_is_not_known(
        self, archive: Archive, tmp_path: Path
    ) -> None:
        other = fresh(tmp_path, "other")
        with pytest.raises(PassphraseError):
            keyring(other, User()).recipient()
        assert str(keyring(other, User("one")).recipient()) == public(archive)
        assert other.context.cache.recipient() == public(archive)

    def test_may_be_told(self, archive: Archive, tmp_path: Path) -> None:
        known = keyring(archive, User()).recipient()
        other = fresh(tmp_path, "other")
        assert keyring(other, User(recipient=known)).recipient() == known
        assert keyring(other, User()).recipient() == known
        with pytest.raises(ConfigError, match="this machine remembers"):
            keyring(other, User(recipient=PERSON.recipient)).recipient()

    def test_told_of_an_archive_without_key_objects(self, tmp_path: Path) -> None:
        made = open_archive(tmp_path)
        ring = keyring(made, User(recipient=PERSON.recipient))
        ensure(made, ring)
        assert (ring.recipient(), folder(made)) == (PERSON.recipient, {})

    def test_a_damaged_note_of_it_is_as_none(self, archive: Archive) -> None:
        expected = public(archive)
        archive.context.cache.recipient_set("age1nonsense")
        assert str(keyring(archive, User("one")).recipient()) == expected
        assert archive.context.cache.recipient() == expected

    def test_no_other_key_pair_is_believed(self, archive: Archive) -> None:
        """Who can write to the store can wrap a key of theirs for a public key."""
        person = User(identities=[PERSON])
        forged = wrap_identity(
            X25519Identity.generate(os.urandom), PERSON.recipient, os.urandom
        )
        store = archive.context.store
        store.put("tiered-key.forged.1.age", BytesSource(forged), PutMode.CREATE)
        with pytest.raises(PassphraseError) as caught:
            keyring(archive, person).identity()
        assert "its key is that of" in caught.value.__notes__[0]
        archive.context.cache.recipient_forget()
        keyring(archive, person).identity()  # without a memory it cannot be told


class TestUnlocking:
    def test_a_wrong_passphrase(self, archive: Archive) -> None:
        with pytest.raises(
            PassphraseError, match=r"open .tiered-key\.main\.1\.age.$"
        ) as caught:
            keyring(archive, User("wrong-and-secret")).identity()
        assert "wrong-and-secret" not in str(caught.value) + caught.value.hint

    def test_once_for_each_process(self, archive: Archive) -> None:
        user = User("one")
        ring = keyring(archive, user)
        ring.prefetch()
        assert ring.identity() is ring.identity()
        assert ring.identities() == (ring.identity(),)
        assert user.asked == [False]

    def test_prefetching_tells_of_nothing(self, archive: Archive) -> None:
        ring = keyring(archive, User())
        ring.prefetch()
        with pytest.raises(PassphraseError, match="no passphrase"):
            ring.identity()
        wrong = keyring(archive, User("wrong"))
        wrong.prefetch()
        with pytest.raises(PassphraseError, match="does not open"):
            wrong.identity()

    def test_prefetching_returns_before_it_is_unlocked(
        self, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        may_go_on = threading.Event()
        unwrap = ScryptIdentity.unwrap

        def waits(
            identity: ScryptIdentity, stanzas: Sequence[Stanza]
        ) -> FileKey | None:
            assert may_go_on.wait(60)
            return unwrap(identity, stanzas)

        monkeypatch.setattr(ScryptIdentity, "unwrap", waits)
        ring = keyring(archive, User("one"))
        ring.prefetch()
        may_go_on.set()
        assert str(ring.identity().recipient) == archive.context.cache.recipient()

    def test_a_program_that_ends_does_not_wait_for_it(self) -> None:
        threads: list[threading.Thread] = []

        def fails(_: object) -> Opened:
            threads.append(threading.current_thread())
            raise KeyboardInterrupt

        unlocking = Unlocking(fails)
        with pytest.raises(KeyboardInterrupt):
            unlocking.result()
        assert [t.daemon for t in threads] == [True]

    def test_every_way_is_tried(self, archive: Archive) -> None:
        add_way(keyring(archive, User("one")), "person", lambda: way("two"))
        store = archive.context.store
        store.put(KEY, BytesSource(b"damaged"), PutMode.REPLACE)
        ring = keyring(archive, User("two"))
        assert str(ring.identity().recipient) == archive.context.cache.recipient()
        assert any("main" in w for w in archive.said.warnings)

    @pytest.mark.parametrize("lost", ["gone", "damaged"])
    def test_the_copy_is_as_good(self, archive: Archive, lost: str) -> None:
        store = archive.context.store
        if lost == "gone":
            store.delete(KEY)
        else:
            store.put(KEY, BytesSource(b"damaged"), PutMode.REPLACE)
        assert public(archive) == archive.context.cache.recipient()

    def test_a_damaged_key_object_is_no_wrong_passphrase(
        self, archive: Archive
    ) -> None:
        for name in (KEY, COPY):
            store = archive.context.store
            store.put(name, BytesSource(folder(archive)[name][:-9]), PutMode.REPLACE)
        with pytest.raises(ArchiveDamaged, match=r"main\.1"):
            keyring(archive, User("one")).identity()

    def test_a_huge_object_is_refused(self, archive: Archive) -> None:
        for name in (KEY, COPY):
            huge = BytesSource(folder(archive)[name] + bytes(1 << 20))
            archive.context.store.put(name, huge, PutMode.REPLACE)
        with pytest.raises(ArchiveDamaged, match="no key object"):
            keyring(archive, User("one")).identity()

    def test_a_store_that_does_not_answer(
        self, archive: Archive, tmp_path: Path
    ) -> None:
        silent = fresh(tmp_path, "m", Faulty(archive.context.store, 1, "before"))
        with pytest.raises(Unavailable):
            keyring(silent, User("one")).identity()

    def test_by_a_key_pair(self, archive: Archive, tmp_path: Path) -> None:
        add_way(
            keyring(archive, User("one")),
            "person",
            lambda: NewWay(PERSON.recipient, None),
        )
        user = User(identities=[PERSON])
        found = keyring(fresh(tmp_path, "other"), user).identity()
        assert str(found.recipient) == public(archive)
        assert user.asked == []


class TestRecoverySheet:
    def own(self, archive: Archive) -> X25519Identity:
        return keyring(archive, User("one")).identity()

    def test_opens_where_the_public_half_is_known(self, archive: Archive) -> None:
        own = self.own(archive)
        archive.context.store.delete(KEY)
        assert keyring(archive, User(identities=[own])).identity() is own

    def test_is_known_by_a_manifest(self, archive: Archive, tmp_path: Path) -> None:
        own = self.own(archive)
        store_manifest(archive, own.recipient)
        other = fresh(tmp_path, "other")
        with pytest.raises(PassphraseError):
            keyring(other, User(identities=[PERSON])).identity()
        assert keyring(other, User(identities=[PERSON, own])).identity() is own
        assert other.context.cache.recipient() == str(own.recipient)

    def test_is_believed_but_not_remembered_if_all_hot_is_lost(
        self, tmp_path: Path
    ) -> None:
        made = open_archive(tmp_path)
        assert keyring(made, User(identities=[PERSON])).identity() is PERSON
        assert made.context.cache.recipient() is None

    def test_makes_key_objects_again(self, archive: Archive, tmp_path: Path) -> None:
        own = self.own(archive)
        store_manifest(archive, own.recipient)
        for name in (KEY, COPY):
            archive.context.store.delete(name)
        other = fresh(tmp_path, "other")

        def init(user: User) -> None:
            found = collect(other.context.store.list(), other.context.namer)
            init_keys(keyring(other, user), found, "main", lambda: way("new"))

        with pytest.raises(ArchiveDamaged, match="no key object"):
            init(User("one"))
        with pytest.raises((PassphraseError, ArchiveDamaged)):
            init(User(identities=[PERSON]))
        with pytest.raises(ConfigError, match="an archive has one"):
            init(User(identities=[own, PERSON]))
        init(User(identities=[own]))
        assert public(archive, "new") == str(own.recipient)
        with pytest.raises(ConfigError, match="has its key"):
            init(User(identities=[own]))


class TestNoSecondKey:
    def test_of_an_archive_with_sets(self, archive: Archive, tmp_path: Path) -> None:
        store_manifest(archive, keyring(archive, User()).recipient())
        for name in (KEY, COPY):
            archive.context.store.delete(name)
        other = fresh(tmp_path, "other")
        found = collect(other.context.store.list(), other.context.namer)
        for loss in (False, True):
            with pytest.raises(ArchiveDamaged, match="no key object is listed"):
                keyring(other, User("one")).ensure(found, accept_loss=loss)
        assert len(folder(archive)) == 1

    def test_where_one_is_remembered(self, archive: Archive) -> None:
        old = archive.context.cache.recipient()
        for name in (KEY, COPY):
            archive.context.store.delete(name)
        with pytest.raises(ListingDoubtful, match="remembers the archive's key"):
            ensure(archive, keyring(archive, User("one")))
        assert folder(archive) == {}
        ensure(archive, keyring(archive, User("one")), accept_loss=True)
        assert archive.context.cache.recipient() not in (None, old)


class TestWays:
    def test_added_rotated_and_revoked(self, archive: Archive) -> None:
        ring = keyring(archive, User("one"))
        expected = public(archive)
        add_way(ring, "laptop", lambda: way("two"))
        assert [public(archive, p) for p in ("one", "two")] == [expected] * 2
        assert rotate_way(ring, "main", lambda: way("three")) == 2
        assert [opens(archive, p) for p in ("one", "two", "three")] == [0, 1, 1]
        assert list_ways(ring.objects) == (
            Way(
                name="laptop",
                generation=1,
                has_key=True,
                has_copy=True,
                kind="passphrase",
            ),
            Way(
                name="main",
                generation=2,
                has_key=True,
                has_copy=True,
                kind="passphrase",
            ),
        )
        revoke_way(ring.objects, "laptop", force=False)
        assert not opens(archive, "two")
        assert set(folder(archive)) == {
            "tiered-key.main.2.age",
            "tiered-keycopy.main.2.age",
        }

    def test_the_last_one_goes_only_by_force(self, archive: Archive) -> None:
        objects = KeyObjects(archive.context)
        with pytest.raises(ConfigError, match="the last way in"):
            revoke_way(objects, "main", force=False)
        assert len(folder(archive)) == 2
        assert revoke_way(objects, "main", force=True) == (KEY, COPY)
        assert folder(archive) == {}

    def test_names_are_not_taken_twice_nor_invented(self, archive: Archive) -> None:
        ring = keyring(archive, User("one"))
        with pytest.raises(ConfigError, match="called main"):
            add_way(ring, "main", lambda: way("two"))
        with pytest.raises(ConfigError, match="called nobody"):
            rotate_way(ring, "nobody", lambda: way("two"))
        with pytest.raises(ConfigError, match="called nobody"):
            revoke_way(ring.objects, "nobody", force=True)
        assert set(folder(archive)) == {KEY, COPY}

    def test_a_wrong_passphrase_adds_nothing(self, archive: Archive) -> None:
        with pytest.raises(PassphraseError):
            add_way(keyring(archive, User("wrong")), "laptop", lambda: way("two"))
        assert set(folder(archive)) == {KEY, COPY}

    def test_the_archives_key_is_no_way_in(self, archive: Archive) -> None:
        ring = keyring(archive, User("one"))
        own = NewWay(ring.recipient(), None)
        with pytest.raises(ConfigError, match="wrapped for itself"):
            add_way(ring, "own", lambda: own)

    def test_kinds(self, archive: Archive) -> None:
        ring = keyring(archive, User("one"))
        add_way(ring, "person", lambda: NewWay(PERSON.recipient, None))
        store = archive.context.store
        store.put("tiered-key.bad.1.age", BytesSource(b"bad"), PutMode.CREATE)
        store.delete(KEY)
        found = [
            (w.name, w.kind, w.has_key, w.has_copy) for w in list_ways(ring.objects)
        ]
        assert found == [
            ("bad", "damaged", True, False),
            ("main", "unknown", False, True),
            ("person", "key pair", True, True),
        ]

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_killed_at_any_call_nobody_is_locked_out(
        self, tmp_path: Path, when: When
    ) -> None:
        for at in range(1, 50):
            root = tmp_path / f"{when}{at}"
            root.mkdir()
            made = open_archive(root)
            ensure(made, keyring(made, User("one")))
            faulty = Faulty(made.context.store, at, when)
            broken = fresh(root, "broken", faulty)
            try:
                rotate_way(keyring(broken, User("one")), "main", lambda: way("two"))
            except TieredError:
                assert faulty.fired
            if not faulty.fired:
                assert at > 8
                return
            known = [p for p in ("one", "two") if opens(made, p)]
            assert known
            rotate_way(keyring(made, User(known[0])), "main", lambda: way("two"))
            assert [opens(made, p) for p in ("one", "two")] == [False, True]
            assert len(folder(made)) == 2
        pytest.fail("a rotation has fewer calls than that")

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_killed_at_any_call_of_the_first_backup(
        self, tmp_path: Path, when: When
    ) -> None:
        for at in range(1, 50):
            root = tmp_path / f"{when}{at}"
            root.mkdir()
            made = open_archive(root)
            faulty = Faulty(made.context.store, at, when)
            broken = fresh(root, "broken", faulty)
            try:
                ensure(broken, keyring(broken, User("one")))
            except TieredError:
                assert faulty.fired
            ensure(made, keyring(made, User("one")))
            stored = folder(made)
            assert set(stored) == {KEY, COPY}
            assert stored[KEY] == stored[COPY]
            assert opens(made, "one")
            if not faulty.fired:
                assert at > 4
                return
        pytest.fail("making a key has fewer calls than that")


class TestHotAndCold:
    """A router of two folders with tiers; the cold one is sealed."""

    @pytest.fixture
    def clock(self) -> JumpingClock:
        return JumpingClock()

    @pytest.fixture
    def archive(self, tmp_path: Path, clock: JumpingClock) -> Archive:
        stores: dict[str, Store] = {
            "hot": file_store(tmp_path / "hot"),
            "cold": ColdStore(
                file_store(tmp_path / "cold"),
                ColdSettings(states=tmp_path / "states"),
                clock,
            ),
        }
        rules = Rules(
            (Member("hot", tier=Tier.HOT), Member("cold", tier=Tier.COLD)),
            Mode.STRIPE,
            OnFail.ABORT,
        )
        made = open_archive(
            tmp_path, Router(rules, stores, SilentMonitor()), clock=clock
        )
        ensure(made, keyring(made, User("one")))
        return made

    def test_the_copy_lies_cold(self, archive: Archive, tmp_path: Path) -> None:
        assert [p.name for p in (tmp_path / "hot").iterdir()] == [KEY]
        assert [p.name for p in (tmp_path / "cold").iterdir()] == [COPY]

    def test_the_hot_one_is_enough(self, archive: Archive) -> None:
        assert opens(archive, "one")
        assert not opens(archive, "two")
        assert "cold" not in "".join(archive.said.warnings)

    def test_a_sealed_copy_is_not_asked_for(
        self, archive: Archive, tmp_path: Path, clock: JumpingClock
    ) -> None:
        (tmp_path / "hot" / KEY).unlink()
        with pytest.raises(ArchiveDamaged, match="sealed"):
            public(archive)
        thaw = archive.context.store.extras.thaw
        assert thaw is not None
        thaw.thaw([COPY])
        clock.sleep_s(5 * 3600)
        assert public(archive) == archive.context.cache.recipient()

    def test_what_is_lost_is_written_again(
        self, archive: Archive, tmp_path: Path, clock: JumpingClock
    ) -> None:
        (tmp_path / "cold" / COPY).unlink()
        ensure(archive, keyring(archive, User()))
        assert (tmp_path / "cold" / COPY).exists()
        (tmp_path / "hot" / KEY).unlink()
        ensure(archive, keyring(archive, User()))
        assert not (tmp_path / "hot" / KEY).exists()  # the copy is sealed
        thaw = archive.context.store.extras.thaw
        assert thaw is not None
        thaw.thaw([COPY])
        clock.sleep_s(5 * 3600)
        ensure(archive, keyring(archive, User()))
        assert (tmp_path / "hot" / KEY).exists()
        assert archive.said.warnings == []

    def test_one_cold_store_alone(self, tmp_path: Path, clock: JumpingClock) -> None:
        root = tmp_path / "alone"
        root.mkdir()
        cold = ColdStore(
            file_store(root / "store"), ColdSettings(states=root / "states"), clock
        )
        made = open_archive(root, cold, clock=clock)
        ring = keyring(made, User("one"))
        ensure(made, ring)
        assert rotate_way(ring, "main", lambda: way("two")) == 2
        assert keyring(made, User()).recipient() == ring.recipient()
        with pytest.raises(Frozen):
            keyring(made, User("two")).identity()


def test_two_keyrings_of_one_archive_agree(archive: Archive) -> None:
    rings = [Keyring(archive.context, User("one").sources()) for _ in range(2)]
    assert rings[0].identity().recipient == rings[1].identity().recipient


def test_a_key_object_that_asks_for_too_much_work(archive: Archive) -> None:
    """Who can write to the store chooses how much memory a try takes."""
    data = folder(archive)[KEY].replace(b" 3\n", b" 21\n", 1)
    assert data != folder(archive)[KEY]
    for name in (KEY, COPY):
        archive.context.store.put(name, BytesSource(data), PutMode.REPLACE)
    with pytest.raises(ArchiveDamaged, match=r"more work than 2\^20"):
        keyring(archive, User("one")).identity()
