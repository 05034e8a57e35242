"""Which listings are not believed, and which strange ones are."""

from collections.abc import Iterable

import pytest

from tests.unit.test_collection import NAMER, collected, full, inc, objects
from tiered.archive.filename import SetId
from tiered.archive.style import Style
from tiered.engine.trust import check_listing
from tiered.errors import ListingDoubtful

CHAIN = [full(10), inc(10, 20), inc(20, 30)]
NATIVE = [SetId(s.end_s, s.start_s, Style.TIERED) for s in CHAIN]


def check(
    *listed: list[str], seen: Iterable[SetId] = (), begun: Iterable[SetId] = ()
) -> None:
    check_listing(collected(*listed), seen, [str(s) for s in begun])


def whole(*sets: SetId) -> list[str]:
    return [name for s in sets for name in objects(s)]


def headless(*sets: SetId) -> list[str]:
    """All of the sets but their manifests."""
    return [name for s in sets for name in objects(s, without="manifest")]


class TestDoubtful:
    def test_t1_a_manifest_is_gone_and_its_volumes_are_not(self) -> None:
        with pytest.raises(ListingDoubtful, match=r"manifest of the inc .* is gone"):
            check(whole(*CHAIN[:2]), headless(CHAIN[2]), seen=CHAIN)

    def test_t1_also_if_it_is_the_only_set(self) -> None:
        with pytest.raises(ListingDoubtful, match="is gone"):
            check(headless(CHAIN[0]), seen=CHAIN[:1])

    def test_t1_also_if_another_set_was_begun_here(self) -> None:
        with pytest.raises(ListingDoubtful, match="is gone"):
            check(whole(CHAIN[0]), headless(CHAIN[1]), seen=CHAIN[:2], begun=CHAIN[2:])

    def test_t2_nothing_is_listed_and_something_is_known(self) -> None:
        with pytest.raises(ListingDoubtful, match="this machine knows 3"):
            check(seen=CHAIN)

    def test_t2_foreign_files_are_no_backup(self) -> None:
        with pytest.raises(ListingDoubtful, match="no backup is listed"):
            check(["readme.txt"], seen=CHAIN)

    def test_t2_incomplete_sets_of_others_are_no_backup(self) -> None:
        with pytest.raises(ListingDoubtful, match="no backup is listed"):
            check(headless(full(99)), seen=CHAIN)

    def test_t3_volumes_and_not_one_manifest(self) -> None:
        with pytest.raises(ListingDoubtful, match="not a single manifest"):
            check(headless(*CHAIN))

    def test_t3_one_interrupted_set_does_not_explain_the_others(self) -> None:
        with pytest.raises(ListingDoubtful, match="not a single manifest"):
            check(headless(*CHAIN), begun=[CHAIN[2]])

    def test_t4_manifests_and_not_one_volume(self) -> None:
        with pytest.raises(ListingDoubtful, match="not a single volume"):
            check([n for n in whole(*CHAIN) if "difftar" not in n])

    def test_t4_the_volumes_of_an_incomplete_set_are_no_help(self) -> None:
        hot = [n for n in whole(*CHAIN) if "difftar" not in n]
        with pytest.raises(ListingDoubtful, match="not a single volume"):
            check(hot, headless(inc(30, 40)))

    def test_the_message_says_what_was_done_and_what_to_do(self) -> None:
        with pytest.raises(ListingDoubtful) as caught:
            check(seen=CHAIN)
        assert "Nothing was changed" in caught.value.hint
        assert "--accept-loss" in caught.value.hint


class TestStyleTiered:
    """The same rules, and what they have no opinion about."""

    def test_t1(self) -> None:
        with pytest.raises(ListingDoubtful, match=r"manifest of the inc .* is gone"):
            check(whole(*NATIVE[:2]), headless(NATIVE[2]), seen=NATIVE)

    def test_t2(self) -> None:
        with pytest.raises(ListingDoubtful, match="this machine knows 3"):
            check([NAMER.key("main", 1)], seen=NATIVE)

    def test_t3(self) -> None:
        with pytest.raises(ListingDoubtful, match="not a single manifest"):
            check(headless(*NATIVE))

    def test_t4(self) -> None:
        with pytest.raises(ListingDoubtful, match="not a single volume"):
            check([n for n in whole(*NATIVE) if "difftar" not in n])

    def test_t5_a_parent_has_lost_its_manifest(self) -> None:
        with pytest.raises(ListingDoubtful, match="an inc builds on it"):
            check(whole(NATIVE[0], NATIVE[2]), headless(NATIVE[1]))

    def test_t5_a_set_of_the_other_style_is_no_parent(self) -> None:
        check(whole(*CHAIN), headless(NATIVE[1]))

    def test_what_is_known_in_one_style_says_nothing_of_the_other(self) -> None:
        check(whole(*CHAIN), headless(NATIVE[0]), seen=CHAIN)

    @pytest.mark.parametrize("lost", [".index", ".sigtar"])
    def test_a_set_without_index_or_signatures_is_damage(self, lost: str) -> None:
        check([n for n in whole(*NATIVE) if lost not in n], seen=NATIVE)

    def test_keys_come_and_go(self) -> None:
        check([NAMER.key("main", 1), NAMER.key_copy("main", 1)])
        check(whole(*NATIVE), seen=NATIVE)


class TestBelieved:
    def test_nothing_of_a_new_archive(self) -> None:
        check()
        check(["readme.txt"])

    def test_what_is_known(self) -> None:
        check(whole(*CHAIN), seen=CHAIN)

    def test_more_than_is_known(self) -> None:
        check(whole(*CHAIN), seen=CHAIN[:1])
        check(whole(*CHAIN))

    def test_a_set_that_another_machine_deleted_as_a_whole(self) -> None:
        check(whole(full(40)), seen=[*CHAIN, full(40)])

    def test_a_set_that_another_machine_is_writing(self) -> None:
        check(whole(*CHAIN), headless(inc(30, 40)), seen=CHAIN)

    def test_what_an_interrupted_first_run_left(self) -> None:
        check(headless(full(10)), begun=[full(10)])
        check(headless(full(10), full(20)), begun=[full(10), full(20)])

    def test_a_set_whose_deletion_was_begun_here_and_not_ended(self) -> None:
        check(whole(*CHAIN[:2]), headless(CHAIN[2]), seen=CHAIN, begun=CHAIN[2:])

    def test_volumes_that_are_missing_while_others_are_there(self) -> None:
        """That is damage; a new full overcomes it."""
        check([n for n in whole(*CHAIN) if "difftar" not in n or "full" in n])

    def test_signatures_without_volumes_and_manifests(self) -> None:
        """No volume would be taken for garbage because of them."""
        check([n for n in headless(full(10)) if "sigtar" in n])
