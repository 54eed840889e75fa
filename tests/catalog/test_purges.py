"""What was purged stays away, also where a process that had not heard of the purge writes it again."""

import pytest

from promptcdn.catalog.purges import Purged, PurgeNote, UnpurgedStore
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Lineage, Name, Record
from tests.support.fakes import KEY, FakeStore, name, record

pytestmark = pytest.mark.anyio

MOMENT = 1_795_435_200 * 10**9
OLD = record(b"old")
NEW = Record(b"new", "image/png", OLD.made_at, {}, Lineage(after=MOMENT))
# As a generator that gives equal bytes for equal calls makes the picture anew.
SAME = Record(OLD.body, "image/png", OLD.made_at, {}, Lineage(after=MOMENT))
RENDITION = Name("renditions", f"{KEY}.webp")


def purged(*notes: PurgeNote) -> Purged:
    received = Purged()
    received.update(notes or [PurgeNote(KEY, MOMENT, OLD.sha256)])
    return received


@pytest.mark.parametrize(
    "note",
    [
        PurgeNote(KEY, MOMENT),
        PurgeNote(KEY, MOMENT, lost=True),
        PurgeNote(KEY, MOMENT, "ab" * 32),
        PurgeNote(KEY, MOMENT, "ab" * 32, lost=True),
    ],
    ids=["of nothing stored", "of a lost picture", "of a picture", "of a lost picture's rendition"],
)
def test_a_note_is_read_from_its_name(note: PurgeNote) -> None:
    assert PurgeNote.parse(note.name) == note
    assert Name.parse(note.name.path) == note.name


def test_what_is_no_note_is_passed_over() -> None:
    note = PurgeNote(KEY, MOMENT)
    assert PurgeNote.each([Name("purges", KEY), Name("purges", f"{KEY}.x"), note.name]) == {note.name: note}


@pytest.mark.parametrize(
    ("shown", "is_purged"),
    [(OLD, True), (NEW, False), (SAME, False), (record(b"another"), False)],
    ids=["the purged picture", "its successor", "a successor of the same bytes", "a picture that nobody purged"],
)
async def test_only_the_purged_picture_is_absent(shown: Record, *, is_purged: bool) -> None:
    store = FakeStore()
    await store.put(name(), shown)
    seen = UnpurgedStore(store, purged())

    assert (await seen.get(name()) is None) == is_purged
    assert (await seen.look(name()) is None) == is_purged


async def test_a_rendition_of_a_purged_master_is_absent_too() -> None:
    store = FakeStore()
    await store.put(RENDITION, Record(b"webp", "image/webp", OLD.made_at, {}, Lineage(OLD.sha256)))

    assert await UnpurgedStore(store, purged()).get(RENDITION) is None


async def test_a_purged_master_makes_room_for_the_new_one() -> None:
    store = FakeStore()
    await store.put(name(), OLD)

    assert await UnpurgedStore(store, purged()).put(name(), NEW) == NEW
    assert await store.get(name()) == NEW


async def test_what_was_purged_while_it_was_encoded_is_not_stored() -> None:
    store = FakeStore()

    await UnpurgedStore(store, purged()).put(name(), OLD)

    assert await store.get(name()) is None


async def test_a_process_that_never_hears_of_the_purge_ends_in_unavailable() -> None:
    class Deaf(FakeStore):
        """A store that another process writes to each time."""

        async def put(self, name: Name, record: Record) -> Record:
            del record
            return await super().put(name, OLD)

    with pytest.raises(StoreUnavailable):
        await UnpurgedStore(Deaf(), purged()).put(name(), NEW)


def test_of_two_purges_the_later_one_holds() -> None:
    received = purged(PurgeNote(KEY, MOMENT + 1, OLD.sha256), PurgeNote(KEY, MOMENT, OLD.sha256))

    assert received.has(KEY, OLD.sha256, Lineage(after=MOMENT))
    assert not received.has(KEY, OLD.sha256, Lineage(after=MOMENT + 1))


def test_notes_that_are_swept_are_forgotten() -> None:
    received = purged()
    received.update([])

    assert not received.has(KEY, OLD.sha256, Lineage())
