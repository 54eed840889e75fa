"""compose.yaml: its facts, and its topology run on loopback."""

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network

import httpx2
import pytest
import yaml

from promptcdn.settings import Settings
from promptcdn.settings.generators import PREFIX
from tests.support.caches import CACHES, Nginx
from tests.support.service import Promptcdn
from tests.support.topology import REPLICAS, ROOT, TOKEN, WEED, compose, running, shipped_site
from tests.upstream import Upstream

COMPOSE = compose()
SERVICES = COMPOSE["services"]
PROMETHEUS = yaml.safe_load((ROOT / "deploy" / "telemetry" / "prometheus.yml").read_text())


def known_names() -> set[str]:
    fields = Settings.model_fields.items()
    ours = {name.upper() if field.validation_alias else PREFIX + name.upper() for name, field in fields}
    aws = set(re.findall(r"`(AWS_\w+)`", (ROOT / "docs" / "stores.md").read_text()))
    return ours | aws


@pytest.mark.parametrize("name", REPLICAS)
def test_every_setting_in_it_is_a_real_one(name: str) -> None:
    assert set(SERVICES[name]["environment"]) - {"S3_SECRET"} <= known_names()


def test_any_setting_in_the_env_file_reaches_both_replicas() -> None:
    services = compose(PROMPTCDN_ENGINE="one", PROMPTCDN_STORE="s3://elsewhere", AWS_ACCESS_KEY_ID="two")["services"]

    for name in REPLICAS:
        environment = services[name]["environment"]
        assert environment["PROMPTCDN_ENGINE"] == "one"
        assert environment["PROMPTCDN_STORE"] == "s3://elsewhere"
        assert environment["AWS_ACCESS_KEY_ID"] == "two"


def test_the_nginx_file_is_the_tested_one_but_for_names() -> None:
    """The file for nginx is the tested one but for the names of the replicas."""
    mounted = [volume.partition(":") for volume in SERVICES["nginx"]["volumes"] if volume.startswith("./")]
    names = " ".join(f"server {name}:8080 fail_timeout=1s;" for name in REPLICAS)
    tested = (CACHES / "nginx.conf").read_text()

    assert [ROOT / local for local, _, _ in mounted] == [CACHES / "nginx.conf"]
    assert shipped_site() == tested.replace("server 127.0.0.1:8080 fail_timeout=1s;", names) != tested


def test_only_the_cache_is_reached_from_this_machine() -> None:
    """Only the cache is reached from outside, and only from this machine."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    where_asked_for = {name for name, service in SERVICES.items() if "profiles" in service}

    assert published == {"nginx": ["127.0.0.1:8080:80"], "prometheus": ["127.0.0.1:9090:9090"]}
    assert where_asked_for == {"prometheus"}
    assert "listen 80;" in shipped_site()
    assert COMPOSE["networks"]["behind"] == {"internal": True}
    assert [name for name in SERVICES if "front" not in SERVICES[name]["networks"]] == ["redis", "seaweedfs"]


def test_the_cache_and_what_is_before_it_are_trusted() -> None:
    """The addresses that are believed are those of the cache and of what stands before it."""
    (network,) = COMPOSE["networks"]["front"]["ipam"]["config"]
    real_ip = COMPOSE["configs"]["real-ip"]["content"]

    assert SERVICES["promptcdn-a"]["environment"]["PROMPTCDN_TRUSTED_PROXIES"] == network["subnet"]
    assert f"set_real_ip_from {network['gateway']};" in real_ip
    assert ip_address(network["gateway"]) in ip_network(network["subnet"])


def test_services_that_others_wait_for_have_a_health_check() -> None:
    """Who waits for a healthy service waits for one that has a health check."""
    awaited = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    image = "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()

    assert awaited == {*REPLICAS, "redis", "seaweedfs"}
    assert all("healthcheck" in SERVICES[name] or (image and "build" in SERVICES[name]) for name in awaited)


def test_pictures_under_way_have_their_grace_before_a_kill() -> None:
    """Pictures under way have their grace before the container engine kills the service."""
    replica = SERVICES["promptcdn-a"]

    assert int(replica["stop_grace_period"].removesuffix("s")) > replica["environment"]["PROMPTCDN_GRACE"]


def test_the_replicas_have_no_more_rights_than_they_need() -> None:
    """The replicas may do and write as little as the image needs."""
    for name in REPLICAS:
        assert SERVICES[name] == SERVICES["promptcdn-a"]
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_it_does_not_start_before_a_token_was_made_up() -> None:
    """It does not start before the operator has made up an admin token."""
    with pytest.raises(AssertionError, match="PROMPTCDN_ADMIN_TOKEN: make one up"):
        compose(PROMPTCDN_ADMIN_TOKEN="")


def test_prometheus_has_the_token_and_asks_each_replica() -> None:
    """Prometheus has the token where its file looks for it, and asks each replica."""
    (job,) = PROMETHEUS["scrape_configs"]
    (secret,) = SERVICES["prometheus"]["secrets"]
    mounted = [volume.split(":")[:2] for volume in SERVICES["prometheus"]["volumes"] if volume.startswith("./")]

    assert COMPOSE["secrets"][secret["source"]] == {"environment": "PROMPTCDN_ADMIN_TOKEN"}
    assert job["authorization"] == {"credentials_file": f"/run/secrets/{secret['target']}"}
    assert job["static_configs"] == [{"targets": [f"{name}:8080" for name in REPLICAS]}]
    assert mounted == [
        [f"./deploy/telemetry/{name}", f"/etc/prometheus/{name}"] for name in ("prometheus.yml", "alerts.yml")
    ]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running_upstream:
        yield running_upstream


@pytest.fixture(scope="module", params=["moto" if WEED is None else "seaweedfs"])
def topology(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Nginx, list[Promptcdn]]]:
    said = {"PROMPTCDN_BUDGET": "12/day", "PROMPTCDN_CLIENT_RATE": "9/hour"}
    with running(tmp_path_factory.mktemp("topology"), STABILITY_HOST=upstream.url, **said) as processes:
        yield processes


def test_both_replicas_show_one_picture_that_was_paid_for_once(
    topology: tuple[Nginx, list[Promptcdn]], upstream: Upstream
) -> None:
    cache, replicas = topology
    url = "/?prompt=once&seed=1"

    first = cache.get(url)

    assert (first.status_code, first.headers["x-cache"]) == (200, "MISS")
    assert [replica.get(url).content for replica in replicas] == [first.content] * 2
    assert cache.get(url).headers["x-cache"] == "HIT"
    assert sum("once" in call.prompts[0][0] for call in upstream.ledger.calls()) == 1


def test_what_it_counts_is_shown_to_the_operator_alone(topology: tuple[Nginx, list[Promptcdn]]) -> None:
    cache, replicas = topology

    gets: list[Callable[..., httpx2.Response]] = [cache.get, *(replica.get for replica in replicas)]
    for get in gets:
        assert get("/metrics").status_code == 401
        assert get("/metrics", authorization=f"Bearer {TOKEN}").status_code == 200
        assert get("/readyz").json() == {"ready": True}


def test_readers_behind_the_outer_proxy_are_told_apart(topology: tuple[Nginx, list[Promptcdn]]) -> None:
    """Readers behind the proxy with the certificate are told apart."""
    cache, _ = topology
    headers = {"X-Forwarded-For": "192.0.2.1"}

    greedy = [cache.get(f"/?prompt=told+apart&seed={seed}", **headers).status_code for seed in range(10)]

    assert greedy == [200] * 9 + [429]
    assert cache.get("/?prompt=told+apart&seed=10", **{"X-Forwarded-For": "192.0.2.2"}).status_code == 200


def test_both_replicas_pay_from_one_budget(topology: tuple[Nginx, list[Promptcdn]], upstream: Upstream) -> None:
    """Both replicas pay from one budget, and a dead one costs no answer."""
    cache, replicas = topology
    asked = [f"/?prompt=one+budget&seed={seed}" for seed in range(14)]
    answers = [cache.get(url, **{"X-Forwarded-For": f"198.51.100.{n}"}) for n, url in enumerate(asked)]

    assert len(upstream.ledger.calls()) == 12
    assert {answer.status_code for answer in answers} == {200, 503}

    replicas[0].stop()
    assert [cache.get(f"{asked[0]}&w={width}").status_code for width in (64, 128, 256, 320)] == [200] * 4
