"""What thaws cost, as real servers are asked for them."""

import uuid
from contextlib import closing

import pytest

from tests.accounts import s3_keys, variables
from tests.servers import Glacier
from tests.store_servers import Azure
from tiered.backends.azure import azure_store
from tiered.backends.s3 import s3_store
from tiered.store import PutMode
from tiered.testing.sources import BytesSource
from tiered.url import parse_url
from tiered.wrap.meter import Metered


@pytest.mark.parametrize("tier", ["Bulk", None])
def test_thaws_are_billed_by_their_tier(tier: str | None, glacier: Glacier) -> None:
    store = s3_store(
        parse_url(f"s3:///{glacier.make_bucket()}"),
        s3_keys(glacier.access, glacier.secret),
        timeout_s=30.0,
        endpoint=glacier.url,
        storage_class="GLACIER",
        thaw_tier=tier,
    )
    with closing(store):
        metered = Metered(store)
        metered.put("o", BytesSource(b"x"), PutMode.CREATE)
        assert metered.extras.thaw
        metered.extras.thaw.thaw(["o"])
        assert metered.usage.thaws == {tier or "": 1}
        metered.delete("o")
        assert metered.usage.cold_removals == 1


def test_a_thaw_on_azure_has_a_priority(azure: Azure) -> None:
    store = azure_store(
        parse_url(f"azure://test-{uuid.uuid4().hex[:12]}"),
        variables("AZURE_", CONNECTION_STRING=azure.connection_string),
        timeout_s=30.0,
        tier="Archive",
    )
    with closing(store):
        store.create()
        metered = Metered(store)
        metered.put("o", BytesSource(b"x"), PutMode.CREATE)
        assert metered.extras.thaw
        metered.extras.thaw.thaw(["o"])
        assert metered.usage.thaws == {"Standard": 1}
