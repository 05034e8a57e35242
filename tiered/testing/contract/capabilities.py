"""Checks of what only some stores can do, and of what none does unasked."""

from functools import partial

from tiered.errors import Frozen, StoreError, StoreMissing
from tiered.store import Warmth
from tiered.testing.contract.check import check
from tiered.testing.contract.rig import NotOffered, Rig, expect, expect_each, raises


@check("ranges", "a range is exactly what was asked for")
def ranges_are_exact(rig: Rig) -> None:
    if (ranges := rig.store.extras.ranges) is None:
        raise NotOffered("objects are read as a whole")
    rig.create("o", b"0123456789")
    rig.warm("o")
    expect(ranges.get_range("o", 3, 4) == b"3456", "wrong bytes")
    too_far = partial(ranges.get_range, "o", 8, 4)
    expect(raises(StoreError, too_far), "a short read must be an error")


@check("folders", "empty folders can be removed, and no others")
def empty_folders_can_be_removed(rig: Rig) -> None:
    if (folders := rig.store.extras.folders) is None:
        raise NotOffered("no folders are kept, or they stay")
    for name in ("a/b/o", "k/b/o"):
        rig.create(name, b"x")
    rig.store.delete("a/b/o")
    for folder in ("a", "k", "nothing/there"):
        folders.remove_folder(folder)
    rig.create("a", b"a name that no folder has any more")
    wanted = ["a", "k/b/o"]
    expect(rig.names("", wanted) == wanted, "more than empty folders was removed")
    rig.expect_content("k/b/o", b"x", otherwise="an object in a folder was changed")
    rig.store.delete("a")
    rig.create("a/b/o", b"a folder again")


@check("thaw", "cold objects are sealed, and read after a thaw", on_volumes=True)
def cold_objects_are_read_through_a_thaw_only(rig: Rig) -> None:
    if (thaw := rig.store.extras.thaw) is None:
        raise NotOffered("nothing is ever sealed")
    rig.create("o", b"cold")
    rig.create("p", b"colder")
    first = rig.warmth("o", "p")
    expect(first == [Warmth.COLD] * 2, f"new objects are {_shown(first)}")
    if not rig.may_thaw:
        rig.remark("sealed at once; no thaw was started")
        return
    read = partial(rig.store.get, "o")
    expect(raises(Frozen, read), "a sealed object was read")
    again = thaw.frost(["o"])["o"].warmth
    expect(again is Warmth.COLD, f"a refused read left the object {again}")
    thaw.thaw(["o"])
    thaw.thaw(["o"])
    state = thaw.frost(["o", "p"])
    expect(state["o"].warmth is Warmth.THAWING, f"a thaw left it {state['o']}")
    expect(state["p"].warmth is Warmth.COLD, "a thaw touched another object")
    expect(raises(Frozen, read), "a thawing object was read")
    expect(rig.read("o") == b"cold", "the thawed object is not what was put")


@check("R8", "nothing makes the container or folder unasked")
def r8_nothing_is_made_unasked(rig: Rig) -> None:
    """Only for a rig whose container or directory does not exist yet."""
    store = rig.store
    expect_each(
        StoreMissing,
        (
            ("list", store.list),
            ("get", partial(store.get, "a")),
            ("delete", partial(store.delete, "a")),
            ("put", partial(rig.create, "a", b"x")),
        ),
    )
    if create := store.extras.create:
        expect(create.create(), "create did not say that it made the container")
        expect(not create.create(), "create made the container twice")
        rig.create("a", b"x")


def _shown(found: list[Warmth]) -> str:
    return " and ".join(w.value for w in found) or "not listed"
