"""How late the loop is, as it is reported."""

import asyncio
import time

import pytest

from promptcdn.event_loop.lag import LagMeter, Timings
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio


async def test_a_stall_is_reported_with_its_length_and_measures_go_on() -> None:
    lags: list[float] = []
    meter = LagMeter(lags.append, Timings(between_measures=0.05))
    meter.start()
    await asyncio.sleep(0)
    time.sleep(0.5)  # noqa: ASYNC251 - the loop is held up
    await eventually(lambda: len(lags) >= 5)
    meter.close()

    assert lags[0] >= 0.4
    assert min(lags) >= 0
    assert sorted(lags)[2] < 0.4


async def test_a_meter_that_was_closed_is_silent() -> None:
    lags: list[float] = []
    meter = LagMeter(lags.append, Timings(between_measures=0.01))
    meter.close()
    meter.start()
    meter.close()
    await asyncio.sleep(0.05)
    assert lags == []
