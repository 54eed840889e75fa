"""Workers whose token is good, and which are broken, slow or hostile: the service stays well, and says no secret."""

import contextlib
import io
import select
import socket
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.cli.test_tools import promptcdn
from tests.support.fakes import picture
from tests.support.service import Promptcdn
from tests.support.waiting import until
from tests.support.workers import SETTINGS, TOKENS, Pretender

URL = "/?prompt=a+lighthouse&seed=7&width=256&height=256"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path / "service", **SETTINGS, PROMPTCDN_WAIT=0) as running:
        yield running


def order_of(service: Promptcdn, worker: Pretender) -> str:
    """The id of an order for a picture that a reader has asked for."""
    assert service.get(URL).status_code == 503
    return str(worker.order()["order"])


def test_pictures_that_arrive_at_once_are_bounded(service: Promptcdn) -> None:
    """A worker may send one picture again and again, slowly; all that has arrived is in memory."""
    worker = Pretender(service)
    order = order_of(service, worker)
    host, port = service.url.removeprefix("http://").split(":")
    head = f"PUT /work/{order} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['gpu']}\r\n".encode()

    def sent() -> socket.socket:
        slow = stack.enter_context(socket.create_connection((host, int(port)), timeout=60))
        with contextlib.suppress(OSError):  # it is cut off while it sends
            slow.sendall(head + b"Content-Length: 32000000\r\n\r\n" + b"x" * 31_000_000)
        return slow

    with contextlib.ExitStack() as stack:
        with ThreadPoolExecutor(10) as senders:
            slow = [each.result() for each in [senders.submit(sent) for _ in range(10)]]
        # Four have room; whoever is refused is answered, and its connection is closed.
        until(lambda: len(select.select(slow, [], [], 0)[0]) >= 6)
    until(lambda: worker.put(order, picture((256, 256))).status_code == 201)


def bombs() -> dict[str, bytes]:
    """Files of a few MB that unpack to gigabytes: in their pixels, and in a text beside them."""
    good = picture((256, 256))
    sides = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    text = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(100_000_000), 9))
    return {
        "pixels": good[:8] + chunk(b"IHDR", sides) + chunk(b"IDAT", zlib.compress(bytes(50_000_000))) + good[-12:],
        "text": good[:33] + text * 20 + good[33:],
    }


def chunk(name: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.mark.parametrize("kind", ["pixels", "text"])
def test_a_file_that_unpacks_to_gigabytes_is_refused(service: Promptcdn, kind: str) -> None:
    worker = Pretender(service)
    order = order_of(service, worker)
    before = memory(service)

    assert worker.put(order, bombs()[kind]).json()["code"] == "picture_refused"
    assert memory(service) - before < 64_000


def memory(service: Promptcdn) -> int:
    """The most memory that the service has had so far, in kB."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_texts_in_a_workers_file_are_shown_to_nobody(service: Promptcdn) -> None:
    """Programs that draw write prompts and paths of the machine into their files."""
    worker = Pretender(service)
    order = order_of(service, worker)
    file, image, texts = io.BytesIO(), Image.new("RGB", (256, 256), "teal"), PngInfo()
    texts.add_text("parameters", "canary in a text")
    exif = image.getexif()
    exif[0x010E] = "canary in EXIF"
    image.save(file, "PNG", pnginfo=texts, exif=exif)
    assert worker.put(order, file.getvalue()).status_code == 201

    for format_ in ("png", "webp", "jpeg"):
        assert b"canary" not in service.get(f"{URL}&format={format_}").content


@pytest.mark.parametrize("url", ["http://name:canary@127.0.0.1:9", "http://canary@127.0.0.1:9", "https://[", "http://"])
def test_a_worker_says_no_password_of_its_address(tmp_path: Path, url: str) -> None:
    """It would be sent in the place of the token, and stand in the log."""
    ended = promptcdn(tmp_path, "work", "--url", url, "--generator", "sketch", PROMPTCDN_WORKER_TOKEN=TOKENS["gpu"])

    assert (ended.returncode, "canary" in ended.stdout + ended.stderr) == (2, False)
    assert "--url" in ended.stderr
    assert "Traceback" not in ended.stderr
