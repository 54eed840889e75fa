"""A picture that one replica made is what another one starts from."""

import hashlib

from tests.replicas.conftest import Replicas


def test_a_picture_of_one_replica_is_the_source_at_another(replicas: Replicas) -> None:
    first, second, third = replicas.each
    source = first.get("/i.png?prompt=a&seed=1")
    init = source.headers["link"].partition("/i/")[2][:64]
    url = f"/?prompt=b&seed=1&init={init}"

    answers = [each.get(url) for each in (second, third, first)]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    calls = replicas.upstream.ledger.calls()
    assert [call.init for call in calls] == [None, hashlib.sha256(source.content).hexdigest()]
