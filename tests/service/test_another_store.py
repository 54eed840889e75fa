"""A store that is not the one that was known: nothing is made until its operator says that it is the right one."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from promptcdn.stores.s3.buckets import Bucket
from tests.faults.stage import paid, small
from tests.support.buckets import BUCKET, moto, reached
from tests.support.redis_servers import Server
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until
from tests.upstream import Upstream

URLS = [f"/?prompt=stored&seed={seed}" for seed in range(3)]
NEW = "/?prompt=new&seed=1"


def promptcdn(service: Promptcdn, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command of the operator, with the service's settings."""
    command = [PROMPTCDN, *words]
    given = environment(**{**service._settings, **settings})
    return subprocess.run(command, cwd=service.folder, env=given, capture_output=True, text=True)


def shown(service: Promptcdn) -> list[bytes]:
    answers = [service.get(url) for url in URLS]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.content for answer in answers]


def require_refused(service: Promptcdn, *urls: str) -> None:
    for url in urls:
        answer = service.get(url)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("mount_point", [True, False], ids=["empty", "gone"])
def test_a_store_that_is_away_at_the_start_is_not_made_anew(
    tmp_path: Path, upstream: Upstream, mount_point: bool
) -> None:
    """Neither is anything made where it is to be mounted: it would be in the way."""
    store = tmp_path / "data" / "store"
    with small(tmp_path, upstream) as service:
        pictures = shown(service)
    store.rename(tmp_path / "not mounted")
    if mount_point:
        store.mkdir()
    before = paid(upstream)

    with small(tmp_path, upstream) as service:
        require_refused(service, *URLS, NEW, "/?prompt=pool")
        part = service.get("/readyz").json()["parts"]["store"]
        assert part["ready"] is False
        assert "this is not the store that was used before" in part["detail"]
        assert (tmp_path / "log").read_text().count("this is not the store that was used before") == 1
        doctor = promptcdn(service, "doctor")
        assert doctor.returncode == 1
        assert "If this one is right: promptcdn store adopt" in doctor.stdout
        assert [*store.rglob("*"), store.exists()] == [mount_point]
        assert paid(upstream) == before

        if mount_point:
            store.rmdir()
        (tmp_path / "not mounted").rename(store)
        until(lambda: service.get(URLS[0]).status_code == 200, 5)
        assert shown(service) == pictures
        assert paid(upstream) == before


def test_a_store_that_is_adopted_is_used_by_a_running_service(tmp_path: Path, upstream: Upstream) -> None:
    with small(tmp_path, upstream) as service:
        service.get(NEW)
    (tmp_path / "data" / "store").rename(tmp_path / "away")

    with small(tmp_path, upstream) as service:
        require_refused(service, NEW)
        refused = promptcdn(service, "store", "adopt")
        assert (refused.returncode, "0 pictures: is its disk mounted?" in refused.stderr) == (2, True)
        adopted = promptcdn(service, "store", "adopt", "--new")
        assert adopted.returncode == 0, adopted.stderr
        assert "it replaces " in adopted.stdout
        assert "It is new and has 0 pictures: all pictures are made and paid for again." in adopted.stdout
        until(lambda: service.get(NEW).status_code == 200, 5)
        assert service.get("/readyz").json()["parts"]["store"]["ready"] is True
        assert promptcdn(service, "store", "adopt").stdout.startswith("nothing changes: ")
    assert sorted(paid(upstream).values()) == [2]


def test_a_store_that_is_moved_away_meanwhile_is_said_once(tmp_path: Path, upstream: Upstream) -> None:
    """In the log, with what to do; strangers are told what they are told of any store that is not available."""
    store = tmp_path / "data" / "store"
    with small(tmp_path, upstream, PROMPTCDN_MEMORY=0) as service:
        pictures = shown(service)
        store.rename(tmp_path / "away")
        until(lambda: service.get(NEW).status_code == 503)
        details = {service.get(url).json()["detail"] for url in (NEW, "/?prompt=other&seed=1")}
        assert len(details) == 1
        assert "until its operator has mended it" in details.pop()
        assert not store.exists()
        (tmp_path / "away").rename(store)
        until(lambda: service.get(URLS[0]).status_code == 200)
        assert shown(service) == pictures
    errors = [line for line in (tmp_path / "log").read_text().splitlines() if " ERROR " in line]
    assert len(errors) == 1, errors
    assert f"there is no store in the folder {store}: the folder is not there" in errors[0]


def test_a_bucket_that_is_emptied_meanwhile_is_not_believed(tmp_path: Path, upstream: Upstream) -> None:
    """And what is in memory is shown."""
    with moto(tmp_path) as bucket:
        url = f"s3://{BUCKET}/here"
        with small(tmp_path, upstream, PROMPTCDN_STORE=url, **bucket.environment) as service:
            pictures = shown(service)
            before = paid(upstream)
            with reached(bucket.environment):
                emptied = Bucket.parse(url)
                for key, _ in list(emptied.listed()):
                    emptied.delete(key)
                emptied.close()

            require_refused(service, NEW)
            assert shown(service) == pictures
            assert paid(upstream) == before
            assert service.get("/readyz").status_code == 503
        # A machine that remembers nothing takes what is there.
        with small(tmp_path / "another", upstream, PROMPTCDN_STORE=url, **bucket.environment) as another:
            assert another.get(NEW).status_code == 200
        with small(tmp_path, upstream, PROMPTCDN_STORE=url, **bucket.environment) as service:
            require_refused(service, NEW)


def test_where_data_folder_and_store_are_away_the_setting_knows(tmp_path: Path, upstream: Upstream) -> None:
    with small(tmp_path, upstream) as service:
        pictures = shown(service)
        checks = json.loads(promptcdn(service, "doctor", "--json").stdout)
    (store_id,) = [each["detail"].rpartition(" ")[2] for each in checks if each["part"] == "store"]
    before = paid(upstream)
    data = tmp_path / "data"
    data.rename(tmp_path / "away")

    with small(tmp_path, upstream, PROMPTCDN_STORE_ID=store_id) as service:
        require_refused(service, *URLS)
        adopted = promptcdn(service, "store", "adopt")
        assert adopted.returncode == 2
        assert f'PROMPTCDN_STORE_ID="{store_id}" names another store: there is no store in' in adopted.stderr
        assert "Is its disk mounted?" in adopted.stderr
        assert not (data / "store").exists()
        assert not (data / "store-id").exists()
    shutil.rmtree(data)
    (tmp_path / "away").rename(data)
    with small(tmp_path, upstream, PROMPTCDN_STORE_ID=store_id) as service:
        assert shown(service) == pictures
    assert paid(upstream) == before


def test_permalinks_are_back_when_the_store_is(tmp_path: Path, upstream: Upstream) -> None:
    """They wait for the list of removals, and nobody asks for anything else, which would look at the store's id."""
    with small(tmp_path, upstream) as service:
        permalink = service.get("/info" + URLS[0][1:]).json()["permalink"].removeprefix(service.url)
        shown(service)
    store = tmp_path / "data" / "store"
    store.rename(tmp_path / "not mounted")

    with small(tmp_path, upstream) as service:
        require_refused(service, permalink)
        (tmp_path / "not mounted").rename(store)
        until(lambda: service.get(permalink).status_code == 200, 5)


def test_a_store_that_is_not_the_one_of_its_redis_makes_nothing(tmp_path: Path) -> None:
    """Not even where it was taken while Redis was down."""
    with Server(tmp_path) as redis:
        settings = {"PROMPTCDN_REDIS_URL": redis.url}
        with Promptcdn(tmp_path / "other", **settings) as other:
            assert other.get(NEW).status_code == 200
        with Promptcdn(tmp_path / "one") as one:
            picture = one.get(NEW).content
        known = redis.client.get("promptcdn:store")
        redis.client.save()
        redis.kill()
        with Promptcdn(tmp_path / "one", **settings) as one:
            assert one.get(NEW).content == picture
            redis.start()
            until(lambda: one.get("/readyz").json()["parts"]["redis"]["ready"])
            part = one.get("/readyz").json()["parts"]["store"]
            assert (part["ready"], f"Redis remembers the id {known}" in part["detail"]) == (False, True)
            require_refused(one, URLS[0])
        with Promptcdn(tmp_path / "one", **settings) as one:
            require_refused(one, NEW)
        assert redis.client.get("promptcdn:store") == known


def test_a_copy_is_a_store_of_its_own_that_is_adopted_once(tmp_path: Path, upstream: Upstream) -> None:
    with small(tmp_path, upstream) as service:
        pictures = shown(service)
        source, to = f"disk:{tmp_path / 'data' / 'store'}", f"disk:{tmp_path / 'copy'}"
        assert promptcdn(service, "store", "copy", "--from", source, "--to", to).returncode == 0

    with small(tmp_path, upstream, PROMPTCDN_STORE=to) as service:
        require_refused(service, URLS[0])
        assert promptcdn(service, "store", "adopt").returncode == 0
        until(lambda: service.get(URLS[0]).status_code == 200, 5)
        assert shown(service) == pictures
    assert sorted(paid(upstream).values()) == [1] * len(URLS)
