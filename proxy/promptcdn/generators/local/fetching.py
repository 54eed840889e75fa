"""Brings a model from Hugging Face's hub, for `promptcdn model fetch`. Nothing else in the service goes there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from promptcdn.generators.local.hub import Known, wanted


class NotFetched(Exception):
    """The model was not brought. Says what to do."""


@dataclass(frozen=True)
class Offer:
    """The files that would be brought, with their sizes in bytes, as they are at one commit."""

    files: Mapping[str, int]
    commit: str

    @property
    def size(self) -> int:
        return sum(self.files.values())


def offer(known: Known, token: str | None) -> Offer:
    """What the hub has of that model. Raises `NotFetched`."""
    hub = _library()
    try:
        info = hub.HfApi(token=token or False).model_info(known.repository, files_metadata=True)
    except Exception as error:  # noqa: BLE001 - its errors have no base that they all share
        raise _failure(error, known) from None
    sizes = {each.rfilename: each.size or 0 for each in info.siblings or ()}
    files = {name: sizes[name] for name in wanted(sizes, known.library)}
    if not any(name.endswith((".safetensors", ".xml")) for name in files):
        raise NotFetched(f"{known.page} has no weights that are safe to read")
    return Offer(files, info.sha)


def fetch(known: Known, offered: Offer, folder: Path, token: str | None) -> None:
    """Brings these files into the folder; those that are there already are not brought again. Raises `NotFetched`."""
    hub = _library()
    try:
        hub.snapshot_download(
            known.repository,
            revision=offered.commit,
            local_dir=folder,
            allow_patterns=list(offered.files),
            token=token or False,
        )
    except Exception as error:  # noqa: BLE001 - as above
        raise _failure(error, known) from None


def _library() -> ModuleType:
    try:
        import huggingface_hub  # late: for those who fetch
    except ImportError:
        raise NotFetched("models are fetched by huggingface_hub: pip install 'promptcdn[local]'") from None
    return huggingface_hub


def _failure(error: Exception, known: Known) -> NotFetched:
    """What became of it, in our words: its own may quote the token."""
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError) or status in (401, 403):
        return NotFetched(
            f"the hub gives {known.title} only to those who have accepted its licence: accept it at {known.page},"
            " make a token with the right to read at huggingface.co/settings/tokens, and set HF_TOKEN"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return NotFetched(f"the hub has no {known.repository} any more")
    if isinstance(error, OSError) and error.errno:
        return NotFetched(f"the files cannot be written: {error.strerror}")
    answered = f"it answered with status {status}" if status else type(error).__name__
    return NotFetched(f"the hub cannot be reached ({answered}): the same command goes on where this one ended")
