"""What is owed: the object it is kept in, and who sees it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sites import ABORT, CONTINUE, MIRROR, Site, plain, read
from tiered.archive.debts import debts_name, pack_debts, unpack_debts
from tiered.archive.kinds import Kind, kind_of
from tiered.errors import ArchiveDamaged, ConfigError
from tiered.router.ledger import LedgerSettings
from tiered.router.router import Router
from tiered.router.rules import Member, Tier
from tiered.store import Debt, Group, Owed, PutMode
from tiered.testing.sources import BytesSource

MANIFEST = "tiered-full.20261121T000000Z.manifest.json"

_TIMES = st.integers(0, 4_000_000_000)
_DEBTS = st.builds(Debt, st.text(), st.text(), st.sampled_from(Owed), _TIMES)


def kept(site: Site, token: str, prefix: str = "") -> Router:
    """A router over the members of `site` that keeps what is owed."""
    settings = LedgerSettings(name=debts_name(prefix, 0, token), clock=site.clock)
    return Router(site.rules, site.seen, site.monitor, ledger=settings)


def put(router: Router, name: str) -> None:
    router.put(name, BytesSource(b"data"), PutMode.CREATE)


def group(router: Router) -> Group:
    assert router.extras.group
    return router.extras.group


class TestObject:
    @given(st.lists(_DEBTS))
    def test_is_read_as_it_was_written(self, debts: list[Debt]) -> None:
        found = unpack_debts(pack_debts(debts), "o")
        assert found == tuple(sorted(debts))
        rows = sorted((d.name, d.label, d.since_s, d.owed.value) for d in debts)
        assert rows == sorted((d.name, d.label, d.since_s, d.owed.value) for d in found)

    def test_that_of_the_page_is_read(self) -> None:
        page = Path("docs/format/debts.md").read_text()
        _, _, text = page.partition("\n    {\n")
        (debt,) = unpack_debts(
            b"{" + text.partition("\n    }\n")[0].encode() + b"}", ""
        )
        assert (debt.label, debt.owed) == ("paris", Owed.MISSED)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"[]",
            b'{"format": "other", "version": 1, "debts": []}',
            b'{"format": "tiered", "version": 1}',
            b'{"format": "tiered", "version": 1, "debts": [{"name": "o"}]}',
            pack_debts([Debt("o", "A")]).replace(b"missed", b"forgot"),
            pack_debts([Debt("o", "A")]).replace(b"1970", b"year"),
        ],
    )
    def test_others_are_refused(self, data: bytes) -> None:
        with pytest.raises(ArchiveDamaged):
            unpack_debts(data, "o")

    def test_a_later_version_is_refused(self) -> None:
        data = pack_debts([]).replace(b'"version": 1', b'"version": 2')
        with pytest.raises(ConfigError):
            unpack_debts(data, "o")

    def test_its_name_goes_where_manifests_go(self) -> None:
        name = debts_name("hot_", 0, "0123abcd")
        assert name == "hot_tiered-debts.19700101T000000Z.0123abcd.json"
        assert kind_of(name) is Kind.DEBTS
        assert not kind_of(name).is_cold


class TestLedger:
    def test_another_machine_sees_what_was_missed(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        one = kept(site, "00000001")
        put(one, "o")
        site.line["A"].error = None
        assert group(kept(site, "00000002")).debts() == (Debt("o", "A"),)

    def test_all_debts_of_a_set_are_kept_before_its_manifest(
        self, tmp_path: Path
    ) -> None:
        """The list is not written with each debt, but it is before that."""
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        one = kept(site, "00000001")
        names = [f"vol{i}" for i in range(20)]
        for name in names:
            put(one, name)
        assert len(group(kept(site, "00000002")).debts()) < len(names)
        site.calls()
        put(one, MANIFEST)
        assert [v for v in site.calls()["B"] if v == "put"] == ["put", "put"]
        found = {debt.name for debt in group(kept(site, "00000002")).debts()}
        assert found >= set(names)

    def test_the_last_ones_are_kept_at_the_end(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        one = kept(site, "00000001")
        put(one, "o")
        put(one, "p")
        site.line["A"].error = None
        one.close()
        assert len(group(kept(site, "00000002")).debts()) == 2

    def test_they_lie_hot_whatever_else_is_cold(self, tmp_path: Path) -> None:
        members = (
            Member("c1", tier=Tier.COLD),
            Member("c2", tier=Tier.COLD),
            Member("h", tier=Tier.HOT),
        )
        site = Site(tmp_path, *members, mode=MIRROR, onfail=CONTINUE)
        site.breaks("c1")
        put(kept(site, "00000001"), "tiered-full.20261121T000000Z.vol1.difftar.zst")
        (name,) = (e.name for e in site.real["h"].list())
        assert kind_of(name) is Kind.DEBTS

    def test_none_is_written_where_nothing_is_owed(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, ABORT)
        one = kept(site, "00000001")
        put(one, "o")
        one.close()
        assert [e.name for e in site.real["A"].list()] == ["o"]

    def test_a_copy_that_came_ends_the_debt_and_its_object(
        self, tmp_path: Path
    ) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        one = kept(site, "00000001")
        put(one, "o")
        site.line["A"].error = None
        one.put("o", BytesSource(b"newer"), PutMode.REPLACE)
        one.close()
        assert [e.name for e in site.real["B"].list()] == ["o"]

    def test_who_pays_takes_them_out_of_every_object(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        for token, names in (("00000001", "op"), ("00000002", "p")):
            router = kept(site, token)
            for name in names:
                router.put(name, BytesSource(b"data"), PutMode.REPLACE)
            router.close()
        site.line["A"].error = None
        payer = kept(site, "00000003")
        group(payer).settle([Debt("p", "A")])
        assert group(payer).debts() == (Debt("o", "A"),)
        left = [e.name for e in site.real["B"].list("tiered-debts.")]
        assert left == ["tiered-debts.19700101T000000Z.00000001.json"]

    def test_what_a_member_kept_that_was_away_when_they_were_paid(
        self, tmp_path: Path
    ) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        one, debt = kept(site, "00000001"), Debt("o", "A", Owed.DAMAGED)
        group(one).owe([debt])
        site.breaks("B")
        group(one).settle([debt])
        site.line["B"].error = None
        assert group(one).debts() == (debt,)
        group(one).settle([debt])
        assert group(one).debts() == ()
        assert site.real["B"].list() == site.real["A"].list() == ()

    def test_one_that_cannot_be_read_is_told_and_the_others_count(
        self, tmp_path: Path
    ) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        put(kept(site, "00000001"), "o")
        site.line["A"].error = None
        torn = debts_name("", 0, "00000009")
        site.put(torn, b"{")
        assert group(kept(site, "00000002")).debts() == (Debt("o", "A"),)
        assert any("debts cannot be read" in told for told in site.monitor.told)
        assert read(site.router, torn) == b"{"

    def test_if_they_cannot_be_kept_the_user_is_told(self, tmp_path: Path) -> None:
        site = plain(tmp_path, MIRROR, CONTINUE)
        one = kept(site, "00000001")
        site.breaks("A", "B")
        group(one).owe([Debt("o", "A")])
        assert any("could not be kept" in told for told in site.monitor.told)
        site.line["B"].error = None
        one.close()
        assert group(kept(site, "00000002")).debts() == (Debt("o", "A"),)

    def test_that_a_copy_is_damaged_counts_most(self, tmp_path: Path) -> None:
        """A copy that was missed may have come all the same, and gone bad."""
        site = plain(tmp_path, MIRROR, CONTINUE)
        site.breaks("A")
        one = kept(site, "00000001")
        put(one, "o")
        site.line["A"].error = None
        group(one).owe([Debt("o", "A", Owed.DAMAGED)])
        group(one).owe([Debt("o", "A", Owed.MISSED)])
        one.close()
        (debt,) = group(kept(site, "00000002")).debts()
        assert debt.owed is Owed.DAMAGED
