"""How an operator says which store is the right one, and that a refusal changes nothing."""

from pathlib import Path

import pytest

from promptcdn.replicas.connection import RedisConnection
from promptcdn.stores import identity
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.store_ids import Adopted, NotAdopted, StoreIds, adopt
from tests.support.fakes import name, record

pytestmark = pytest.mark.anyio

ONE, OTHER = "1" * 32, "2" * 32


class Folders:
    """A data folder, and a folder for the store."""

    def __init__(self, folder: Path) -> None:
        self.data, self.root = folder / "data", folder / "store"

    async def adopt(
        self, setting: str = "", *, new: bool = False, connection: RedisConnection | None = None
    ) -> Adopted:
        store, ids = DiskStore(self.root, prepare=False), StoreIds(setting, self.data, connection)
        try:
            return await adopt(store, ids, new=new)
        finally:
            await store.close()
            ids.close()

    async def fill(self, store_id: str | None = None) -> None:
        """A store with a picture in it, and an id if it has one."""
        store = DiskStore(self.root)
        await store.put(name(), record())
        await store.close()
        if store_id:
            (self.root / "identity").write_bytes(identity.written(store_id, 1))

    def remember(self, store_id: str) -> None:
        self.data.mkdir()
        (self.data / "store-id").write_text(store_id)

    @property
    def files(self) -> dict[str, bytes]:
        """All that is in either folder; an empty folder is there, too."""
        folders = [path for root in (self.data, self.root) for path in (root, *root.rglob("*")) if path.exists()]
        return {str(path): path.read_bytes() if path.is_file() else b"" for path in folders}


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


async def require_refused(folders: Folders, setting: str = "") -> str:
    """That nothing is adopted and nothing is changed; gives why."""
    before = folders.files
    with pytest.raises(NotAdopted) as refused:
        await folders.adopt(setting)
    assert folders.files == before
    return str(refused.value)


@pytest.mark.parametrize("there", [False, True], ids=["no folder", "an empty folder"])
async def test_an_empty_store_is_adopted_only_as_a_new_one(folders: Folders, there: bool) -> None:
    folders.remember(ONE)
    if there:
        folders.root.mkdir()

    why = await require_refused(folders)
    assert "0 pictures: is its disk mounted?" in why
    assert "--new" in why
    assert "paid for again" in why

    adopted = await folders.adopt(new=True)
    assert (adopted.before, adopted.empty) == (ONE, True)
    assert (folders.data / "store-id").read_text().strip() == adopted.id


async def test_a_store_with_an_id_and_no_picture_is_empty_too(folders: Folders) -> None:
    (folders.root / "tmp").mkdir(parents=True)
    (folders.root / "identity").write_bytes(identity.written(OTHER, 1))
    folders.remember(ONE)

    assert f"the store has the id {OTHER}, and it has 0 pictures" in await require_refused(folders)
    assert await folders.adopt(new=True) == Adopted(OTHER, ONE, empty=True)


async def test_a_store_with_pictures_replaces_the_one_before(folders: Folders) -> None:
    await folders.fill(OTHER)
    folders.remember(ONE)

    assert await folders.adopt() == Adopted(OTHER, ONE, empty=False)
    assert await folders.adopt() == Adopted(OTHER, OTHER, empty=False)


async def test_a_store_with_pictures_and_no_id_gets_one(folders: Folders) -> None:
    await folders.fill()

    adopted = await folders.adopt()

    assert identity.read((folders.root / "identity").read_bytes()) == adopted.id


async def test_what_the_setting_names_is_not_replaced(folders: Folders) -> None:
    """And nothing is written."""
    folders.remember(ONE)
    assert "Is its disk mounted?" in await require_refused(folders, ONE)

    await folders.fill()
    assert "the store has no id" in await require_refused(folders, ONE)

    await folders.fill(OTHER)
    assert f"If this one is right, set it to {OTHER}" in await require_refused(folders, ONE)


async def test_while_redis_does_not_answer_nothing_is_adopted(folders: Folders) -> None:
    """Nor is an id written into a store that has none: the next try would find it there."""
    await folders.fill()
    before, connection = folders.files, RedisConnection("redis://127.0.0.1:9")

    with pytest.raises(NotAdopted, match="Redis does not answer"):
        await folders.adopt(connection=connection)
    await connection.close()

    assert folders.files == before
