"""What is taken down at one replica is gone at all of them, whatever Redis does: it has no part in it."""

from pathlib import Path

import pytest

from tests.replicas.conftest import running
from tests.support.buckets import Service
from tests.support.waiting import until

TOKEN = "canary-of-the-operator"  # noqa: S105
PROMISED_SECONDS = 5


@pytest.mark.parametrize("gone", [False, True])
def test_a_takedown_at_one_replica_is_410_at_all_within_5_s(tmp_path: Path, bucket: Service, gone: bool) -> None:
    """A takedown at one replica is 410 at all within five seconds."""
    with running(tmp_path, bucket, PROMPTCDN_ADMIN_TOKEN=TOKEN) as replicas:
        urls = ["/?prompt=gone&seed=1", "/i.png?prompt=gone&seed=1&w=64"]

        def statuses() -> list[int]:
            return [service.get(url).status_code for service in replicas.each for url in urls]

        assert statuses() == [200] * 6
        if gone:
            replicas.redis.kill()

        key = replicas.each[0].get("/info?prompt=gone&seed=1").json()["content_key"]
        deleted = replicas.each[0].client.request("DELETE", f"/i/{key}", headers={"authorization": f"Bearer {TOKEN}"})

        assert deleted.status_code == 204
        until(lambda: statuses() == [410] * 6, PROMISED_SECONDS)
        assert len(replicas.upstream.ledger.calls()) == 1
