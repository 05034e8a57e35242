"""A Swift container with policy PCA behaves as OVH documents its archive."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import swiftclient

from contrib.pca.retrieval import Delays, Retrievals, State
from tests.server_process import free_port, interpreter
from tests.servers import OpenStack, objects_folder, swift_server
from tiered.testing.clocks import JumpingClock

DELAY_S = 14313
LIFE_S = 86400
NAME = "vol 1/é?a=b"
DATA = b"cold bytes"


@pytest.fixture
def cold(openstack: OpenStack) -> str:
    """A PCA container with one object, NAME."""
    container = openstack.make_container("PCA")
    openstack.admin().put_object(container, NAME, DATA)
    openstack.forget()
    return container


def refusal(connection: Any, container: str, name: str = NAME) -> dict[str, str]:
    """Headers of the 429 that a GET must give."""
    with pytest.raises(swiftclient.ClientException) as caught:
        connection.get_object(container, name)
    assert caught.value.http_status == 429
    headers = caught.value.http_response_headers
    return {name.lower(): value for name, value in headers.items()}


def state(openstack: OpenStack, container: str, name: str = NAME) -> str:
    headers = openstack.admin().head_object(container, name)
    return str(headers["x-ovh-retrieval-state"])


def listing(openstack: OpenStack, container: str) -> list[dict[str, object]]:
    query = "policy_extra=true"
    _, rows = openstack.admin().get_container(container, query_string=query)
    return list(rows)


def thaw(openstack: OpenStack, container: str) -> None:
    refusal(openstack.admin(), container)
    openstack.move_clock(DELAY_S + 1)


def test_container_has_the_policy(openstack: OpenStack, cold: str) -> None:
    assert openstack.admin().head_container(cold)["x-storage-policy"] == "PCA"


def test_new_object_is_sealed(openstack: OpenStack, cold: str) -> None:
    assert state(openstack, cold) == "sealed"
    row = listing(openstack, cold)[0]
    assert row["policy_retrieval_state"] == "sealed"
    assert row["policy_retrieval_delay"] is None


def test_get_is_refused_and_starts_the_unsealing(
    openstack: OpenStack, cold: str
) -> None:
    headers = refusal(openstack.admin(), cold)
    assert DELAY_S - 60 < int(headers["retry-after"]) <= DELAY_S
    assert headers["x-ovh-retrieval-state"] == "unsealing"
    head = openstack.admin().head_object(cold, NAME)
    assert head["x-ovh-retrieval-state"] == "unsealing"
    assert DELAY_S - 60 < int(head["x-ovh-retrieval-delay"]) <= DELAY_S


def test_listing_without_policy_extra_is_plain(openstack: OpenStack, cold: str) -> None:
    _, rows = openstack.admin().get_container(cold)
    assert not [key for key in rows[0] if key.startswith("policy_")]


def test_listing_tells_the_state_of_each_object(
    openstack: OpenStack, cold: str
) -> None:
    openstack.admin().put_object(cold, "other", b"x")
    refusal(openstack.admin(), cold)
    other, thawing = listing(openstack, cold)
    assert (other["name"], thawing["name"]) == ("other", NAME)
    assert other["policy_retrieval_state"] == "sealed"
    assert thawing["policy_retrieval_state"] == "unsealing"
    delay_s = thawing["policy_retrieval_delay"]
    assert isinstance(delay_s, int)
    assert DELAY_S - 60 < delay_s <= DELAY_S


def test_listing_with_a_delimiter_has_rows_without_a_state(
    openstack: OpenStack, cold: str
) -> None:
    _, rows = openstack.admin().get_container(
        cold, delimiter="/", query_string="policy_extra=true"
    )
    assert rows == [{"subdir": "vol 1/"}]


def test_polling_does_not_put_the_end_off(openstack: OpenStack, cold: str) -> None:
    refusal(openstack.admin(), cold)
    openstack.move_clock(DELAY_S - 100)
    assert int(refusal(openstack.admin(), cold)["retry-after"]) <= 100
    openstack.move_clock(101)
    assert openstack.admin().get_object(cold, NAME)[1] == DATA


def test_object_can_be_read_after_the_delay_until_its_life_ends(
    openstack: OpenStack, cold: str
) -> None:
    thaw(openstack, cold)
    assert state(openstack, cold) == "unsealed"
    headers, data = openstack.admin().get_object(cold, NAME)
    assert (headers["x-ovh-retrieval-state"], data) == ("unsealed", DATA)
    openstack.move_clock(LIFE_S - 600)
    assert openstack.admin().get_object(cold, NAME)[1] == DATA
    openstack.move_clock(600)
    assert state(openstack, cold) == "sealed"
    refusal(openstack.admin(), cold)
    assert state(openstack, cold) == "unsealing"


def test_only_a_get_starts_the_unsealing(openstack: OpenStack, cold: str) -> None:
    admin = openstack.admin()
    admin.head_object(cold, NAME)
    admin.post_object(cold, NAME, {"X-Object-Meta-A": "b"})
    listing(openstack, cold)
    admin.get_container(cold)
    assert state(openstack, cold) == "sealed"


def test_deleted_object_leaves_no_state_behind(openstack: OpenStack, cold: str) -> None:
    thaw(openstack, cold)
    openstack.admin().delete_object(cold, NAME)
    openstack.admin().put_object(cold, NAME, DATA)
    assert state(openstack, cold) == "sealed"


def test_replaced_object_is_sealed_and_a_refused_put_changes_nothing(
    openstack: OpenStack, cold: str
) -> None:
    admin = openstack.admin()
    thaw(openstack, cold)
    with pytest.raises(swiftclient.ClientException, match="412"):
        admin.put_object(cold, NAME, b"new", headers={"If-None-Match": "*"})
    assert state(openstack, cold) == "unsealed"
    admin.put_object(cold, NAME, b"new")
    assert state(openstack, cold) == "sealed"


@pytest.mark.parametrize("range_", ["bytes=0-3", "bytes=2-"])
def test_range_of_a_sealed_object_is_refused(
    openstack: OpenStack, cold: str, range_: str
) -> None:
    with pytest.raises(swiftclient.ClientException, match="429"):
        openstack.admin().get_object(cold, NAME, headers={"Range": range_})


def test_copy_of_a_sealed_object_is_refused(openstack: OpenStack, cold: str) -> None:
    with pytest.raises(swiftclient.ClientException, match="429"):
        openstack.admin().copy_object(cold, NAME, destination=f"/{cold}/copy")


def test_missing_object_is_not_found(openstack: OpenStack, cold: str) -> None:
    with pytest.raises(swiftclient.ClientException, match="404"):
        openstack.admin().get_object(cold, "nothing")


def test_stranger_cannot_start_an_unsealing(openstack: OpenStack, cold: str) -> None:
    url = f"{openstack.swift_url}/v1/AUTH_{openstack.project_id}"
    stranger = swiftclient.Connection(
        preauthurl=url, preauthtoken="wrong", retries=0, retry_on_ratelimit=False
    )
    with pytest.raises(swiftclient.ClientException, match="401"):
        stranger.get_object(cold, NAME)
    stranger.close()
    assert state(openstack, cold) == "sealed"


def test_the_default_policy_is_never_sealed(openstack: OpenStack) -> None:
    container = openstack.make_container("PCS")
    admin = openstack.admin()
    admin.put_object(container, NAME, DATA)
    headers, data = admin.get_object(container, NAME)
    assert data == DATA
    assert not [key for key in headers if key.startswith("x-ovh")]
    openstack.forget()
    assert "policy_retrieval_state" not in listing(openstack, container)[0]
    assert openstack.requests()[0].policy == "PCS"


def test_request_log_tells_what_was_asked_and_of_what(
    openstack: OpenStack, cold: str
) -> None:
    admin = openstack.admin()
    refusal(admin, cold)
    admin.head_object(cold, NAME)
    listing(openstack, cold)
    openstack.move_clock(DELAY_S + 1)
    admin.get_object(cold, NAME)
    admin.put_object(cold, NAME, b"overwritten")
    admin.delete_object(cold, NAME)
    seen = openstack.requests()
    assert [(r.method, r.name, r.status, r.state) for r in seen] == [
        ("GET", NAME, 429, "sealed"),
        ("HEAD", NAME, 200, "unsealing"),
        ("GET", None, 200, None),
        ("GET", NAME, 200, "unsealed"),
        ("PUT", NAME, 201, "unsealed"),
        ("DELETE", NAME, 204, "sealed"),
    ]
    assert {(r.container, r.policy) for r in seen} == {(cold, "PCA")}
    assert "policy_extra=true" in seen[2].query
    assert seen[3].time_s - seen[0].time_s > DELAY_S


def test_forget_empties_the_request_log(openstack: OpenStack, cold: str) -> None:
    openstack.admin().head_object(cold, NAME)
    openstack.forget()
    assert openstack.requests() == []
    openstack.admin().head_account()
    assert [(r.method, r.container) for r in openstack.requests()] == [("HEAD", None)]


def test_restart_of_the_server_keeps_the_states(
    openstack: OpenStack, tmp_path: Path
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    facts = interpreter("openstack"), tmp_path / "swift"
    with ExitStack() as stack:
        objects = stack.enter_context(objects_folder())
        client = stack.enter_context(openstack.connect(openstack.region_at(port)))
        first = swift_server(*facts, objects, openstack.auth_url, url, "--keep-objects")
        with first as server:
            server.await_answer(f"{url}/healthcheck")
            client.put_container("c", headers={"X-Storage-Policy": "PCA"})
            client.put_object("c", "thawing", DATA)
            client.put_object("c", "sealed", DATA)
            refusal(client, "c", "thawing")
        client.close()
        with swift_server(*facts, objects, openstack.auth_url, url) as server:
            server.await_answer(f"{url}/healthcheck")
            _, rows = client.get_container("c", query_string="policy_extra=true")
        assert not objects.exists(), "the server leaves objects behind"
    states = [row["policy_retrieval_state"] for row in rows]
    assert states == ["sealed", "unsealing"]


def test_new_object_can_be_read_until_the_seal_delay_is_over(tmp_path: Path) -> None:
    clock = JumpingClock()
    delays = Delays(thaw_delay_s=10, thaw_life_s=100, seal_delay_s=60)
    retrievals = Retrievals(tmp_path / "states", delays, clock)
    retrievals.written("a")
    assert retrievals.look("a").state is State.UNSEALED
    clock.sleep_s(60)
    assert retrievals.look("a").state is State.SEALED
