"""Crowds: many who want one picture, and many who do not wait for it."""

from pathlib import Path

from tests.faults.conftest import Figures
from tests.faults.stage import paid, small
from tests.support.crowd import Crowd
from tests.support.rounds import rounds
from tests.upstream import Upstream

CLIENTS = 500


def test_five_hundred_clients_of_one_new_key_cost_one_picture(
    tmp_path: Path, upstream: Upstream, figures: Figures
) -> None:
    times = rounds(10)
    with small(tmp_path, upstream) as service:
        crowd = Crowd(service.url)
        for number in range(1, times + 1):
            upstream.hold()
            replies = crowd.answers([f"/?prompt=one&seed={number}"] * CLIENTS, asked=upstream.release)

            assert {reply.status for reply in replies} == {200}
            assert len({reply.body for reply in replies}) == 1
            assert len(paid(upstream)) == number
            assert paid(upstream).total() == number
    figures(rounds=times, requests=times * CLIENTS, paid=paid(upstream).total())


def test_a_thousand_clients_that_left_find_their_pictures(tmp_path: Path, upstream: Upstream, figures: Figures) -> None:
    """A thousand clients that left find their pictures when they come back."""
    times = rounds(1)
    urls = 50
    with small(tmp_path, upstream) as service:
        crowd = Crowd(service.url)
        for number in range(1, times + 1):
            targets = [f"/?prompt=round+{number}&seed={seed % urls}" for seed in range(1000)]
            upstream.hold()
            crowd.leave(targets, 0.05)
            upstream.wait_for_calls(urls * (number - 1) + 8)
            upstream.release()
            replies = crowd.answers(targets)

            assert {reply.status for reply in replies} == {200}
            assert len({reply.body for reply in replies}) == urls
            assert sorted(paid(upstream).values()) == [1] * urls * number
    figures(rounds=times, requests=2000 * times, paid=paid(upstream).total(), lost=0)
