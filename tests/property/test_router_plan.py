"""What holds for the plans of every router and every name."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tiered.archive.kinds import NATIVE_SAMPLES, SAMPLES, Kind, kind_of
from tiered.router.plan import (
    is_writable,
    plan_delete,
    plan_read,
    plan_survey,
    plan_write,
)
from tiered.router.route import Mode, OnFail
from tiered.router.rules import Member, Rules, Tier

EVERY = [*SAMPLES.items(), *NATIVE_SAMPLES.items()]
PREFIXES = st.sampled_from(["", "hot_", "cold_", "hot_x", "a/"])


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    members = tuple(
        Member(
            f"m{i}",
            tuple(draw(st.lists(PREFIXES, max_size=2))),
            draw(st.sampled_from([None, *Tier])),
            read_only=draw(st.booleans()),
        )
        for i in range(draw(st.integers(1, 4)))
    )
    return Rules(members, draw(st.sampled_from(Mode)), draw(st.sampled_from(OnFail)))


@st.composite
def names(draw: st.DrawFn) -> str:
    every = [*(name for _, name in EVERY), "keys", "x.vol1.difftar"]
    stem = draw(st.sampled_from(every))
    return draw(PREFIXES) + stem + draw(st.sampled_from(["", ".gpg", ".gz"]))


loads = st.dictionaries(st.sampled_from(["m0", "m1", "m2", "m3"]), st.integers(0, 1000))


@given(rules(), names(), loads)
def test_read_and_delete_plans_cover_the_write_plan(
    rules: Rules, name: str, load: dict[str, int]
) -> None:
    written = set(plan_write(rules, name, load).targets)
    assert written <= set(plan_read(rules, name))
    assert written <= set(plan_delete(rules, name))


@given(rules(), rules(), names())
def test_read_and_delete_cover_what_older_rules_wrote(
    old: Rules, new: Rules, name: str
) -> None:
    """Rules may change, as long as the members stay."""
    kept = set(plan_write(old, name).targets) & set(new.labels)
    assert kept <= set(plan_read(new, name))
    assert kept - new.read_only <= set(plan_delete(new, name))


@given(rules(), names(), loads)
def test_what_is_read_only_is_read_alone(
    rules: Rules, name: str, load: dict[str, int]
) -> None:
    assert rules.read_only <= set(plan_read(rules, name))
    assert not rules.read_only & {*plan_write(rules, name, load).targets}
    assert not rules.read_only & {*plan_delete(rules, name)}
    silent = rules.read_only
    assert is_writable(rules, silent) == is_writable(rules, frozenset())


@given(rules(), names(), loads)
def test_plans_depend_on_their_arguments_only(
    rules: Rules, name: str, load: dict[str, int]
) -> None:
    twin = Rules(tuple(rules.members), rules.mode, rules.onfail)
    assert plan_write(rules, name, load) == plan_write(twin, name, load)
    assert plan_read(rules, name) == plan_read(twin, name)


@given(rules(), names(), loads)
def test_a_write_plan_can_be_carried_out(
    rules: Rules, name: str, load: dict[str, int]
) -> None:
    plan = plan_write(rules, name, load)
    eligible = {m.label for m in rules.eligible(name)} - rules.read_only
    if not eligible:
        assert not plan.targets
        assert not is_writable(rules, frozenset())
        return
    assert 1 <= plan.need <= plan.copies <= len(plan.targets)
    assert len(set(plan.targets)) == len(plan.targets)
    assert set(plan.targets) <= eligible
    if rules.mode is Mode.MIRROR:
        assert plan.copies == len(eligible)
        assert plan.need == (1 if rules.onfail is OnFail.CONTINUE else plan.copies)
    else:
        assert plan.copies == 1


@given(rules(), names())
def test_a_stripe_visits_every_eligible_member_in_turn(rules: Rules, name: str) -> None:
    eligible = len([m for m in rules.eligible(name) if not m.read_only])
    firsts: Counter[str] = Counter()
    for _ in range(eligible):
        firsts[plan_write(rules, name, firsts).targets[0]] += 1
    turns = eligible if rules.mode is Mode.STRIPE else min(eligible, 1)
    assert len(firsts) == turns


@given(rules(), names())
def test_a_read_plan_is_every_member_once_eligible_first(
    rules: Rules, name: str
) -> None:
    order = plan_read(rules, name)
    assert sorted(order) == sorted(rules.labels)
    eligible = sorted(rules.eligible(name), key=lambda m: m.read_only)
    assert order[: len(eligible)] == tuple(m.label for m in eligible)


@given(rules(), names())
def test_prefixes_win_over_tiers(rules: Rules, name: str) -> None:
    matching = {m for m in rules.members if any(map(name.startswith, m.prefixes))}
    if matching:
        assert set(rules.eligible(name)) == matching


@given(rules(), st.sampled_from(EVERY), PREFIXES)
def test_an_accepted_survey_has_heard_somebody_of_every_kind(
    rules: Rules, sample: tuple[Kind, str], prefix: str
) -> None:
    """No group may be without a member that a name of some kind belongs to."""
    eligible = {m.label for m in rules.eligible(prefix + sample[1])}
    known = {p for m in rules.members for p in m.prefixes} | {""}
    if prefix in known:
        assert any(group <= eligible for group in plan_survey(rules))


@given(PREFIXES, st.sampled_from(list(SAMPLES)), st.sampled_from(["", ".gpg", ".gz"]))
def test_the_kind_of_a_name_does_not_depend_on_what_is_around_it(
    prefix: str, kind: Kind, suffix: str
) -> None:
    assert kind_of(prefix + SAMPLES[kind] + suffix) is kind


@given(PREFIXES, st.sampled_from(list(NATIVE_SAMPLES.items())))
def test_the_same_of_style_tiered(prefix: str, sample: tuple[Kind, str]) -> None:
    kind, name = sample
    assert kind_of(prefix + name) is kind
    if kind not in (Kind.KEY, Kind.KEY_COPY):
        assert kind_of(f"{prefix}{name}.age") is kind


@given(rules(), st.sampled_from(EVERY))
def test_only_volumes_and_copies_of_keys_go_where_it_is_cold(
    rules: Rules, sample: tuple[Kind, str]
) -> None:
    kind, name = sample
    home = Tier.COLD if kind in (Kind.ARCHIVE, Kind.KEY_COPY) else Tier.HOT
    eligible = rules.eligible(name)
    prefixed = any(name.startswith(m.prefixes) for m in rules.members)
    if not prefixed and any(m.tier is home for m in rules.members):
        assert all(m.tier in (home, None) for m in eligible)
        assert any(m.tier is home for m in eligible)
