"""Two services that share a Redis, and by mistake have a store each: one of the stores is refused."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from promptcdn.stores import identity
from tests.support.redis_servers import Server
from tests.support.service import Promptcdn
from tests.support.waiting import PATIENCE_SECONDS, until

URL = "/?prompt=a+lighthouse&seed=7"
# What was shown before goes on being shown from memory.
NEW = "/?prompt=a+lighthouse&seed=8"


def store_id(service: Promptcdn) -> str:
    """The id in the store itself; empty where it has none: a store that comes second gets none."""
    path = service.folder / "data" / "store" / "identity"
    return identity.read(path.read_bytes()) if path.exists() else ""


def remembered(service: Promptcdn) -> str:
    """The id in the data folder; empty where none is remembered."""
    path = service.folder / "data" / "store-id"
    return path.read_text().strip() if path.exists() else ""


def is_ready(service: Promptcdn) -> bool:
    """Whether the service says that its store may be used."""
    return bool(service.get("/readyz").json()["parts"]["store"]["ready"])


def ask_until_remembered(redis: Server, service: Promptcdn) -> None:
    """Has the store's id looked at again and again: a script that is held up for too long is given up."""
    while redis.client.get("promptcdn:store") is None:
        is_ready(service)


def started_together(stack: ExitStack, *services: Promptcdn) -> None:
    """Starts each of the services in a thread of its own."""
    with ThreadPoolExecutor(len(services)) as together:
        list(together.map(stack.enter_context, services))


def require_one_of_them(redis: Server, *services: Promptcdn) -> None:
    """That the service whose store Redis remembers makes pictures, and the other makes none and says why."""
    # Whoever asks for readiness has the store's id looked at.
    until(lambda: sorted(is_ready(service) for service in services) == [False, True])
    known = redis.client.get("promptcdn:store")
    (right,) = [service for service in services if store_id(service) == known]
    (wrong,) = [service for service in services if service is not right]

    assert is_ready(right)
    assert right.get(NEW).status_code == 200
    assert known in wrong.get("/readyz").json()["parts"]["store"]["detail"]
    assert remembered(right) == known
    answer = wrong.get(NEW)
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert redis.client.get("promptcdn:store") == known


def held_writes(redis: Server) -> int:
    """How many connections wait with a script until Redis writes again."""
    clients = redis.client.client_list()
    return sum("b" in client["flags"] and client["cmd"].startswith("eval") for client in clients)


@pytest.mark.parametrize("used", [False, True], ids=["new stores", "stores with ids"])
def test_of_two_stores_that_start_together_one_is_refused(tmp_path: Path, *, used: bool) -> None:
    """Redis answers reads and holds writes up until both services have read that it remembers no store."""
    with Server(tmp_path) as redis, ExitStack() as stack:
        folders = [tmp_path / "one", tmp_path / "two"]
        if used:
            for folder in folders:
                with Promptcdn(folder) as service:
                    assert service.get(URL).status_code == 200
        services = [Promptcdn(folder, PROMPTCDN_REDIS_URL=redis.url) for folder in folders]
        redis.client.client_pause(PATIENCE_SECONDS * 1000, all=False)
        started_together(stack, *services)
        with ThreadPoolExecutor(len(services)) as together:
            asked = [together.submit(ask_until_remembered, redis, service) for service in services]
            until(lambda: held_writes(redis) >= len(services))
            redis.client.client_unpause()
            for each in asked:
                each.result()
        require_one_of_them(redis, *services)


def test_of_two_stores_taken_while_redis_was_down_one_is_refused(tmp_path: Path) -> None:
    """Each was right as far as its service could know."""
    with Server(tmp_path) as redis, ExitStack() as stack:
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            with Promptcdn(folder) as service:
                assert service.get(URL).status_code == 200
        redis.kill()
        services = [Promptcdn(folder, PROMPTCDN_REDIS_URL=redis.url) for folder in folders]
        started_together(stack, *services)
        assert {service.get(URL).status_code for service in services} == {200}
        assert [remembered(service) for service in services] == [store_id(service) for service in services]

        redis.start()
        require_one_of_them(redis, *services)
