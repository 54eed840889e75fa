"""`promptcdn model list | fetch`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli.ending import FINDINGS, choice, fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.generators.local.fetching import Offer
    from promptcdn.generators.local.hub import Known

app = typer.Typer(no_args_is_help=True, help="Bring a model for the generator local, and list well-known ones.")

_GIGABYTE = 1e9


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print the models as JSON.")] = False) -> None:
    """List well-known models: size, memory and licence. Asks nobody; any other folder of such a model does, too."""
    from promptcdn.generators.local.extras import package
    from promptcdn.generators.local.hub import MODELS

    if as_json:
        typer.echo(json.dumps([asdict(each) for each in MODELS], ensure_ascii=False, indent=2))
        return
    for each in MODELS:
        cpu, gpu = each.memory
        memory = f"{cpu} GB of memory" if each.library == "openvino" else f"{cpu} GB of memory on a CPU, {gpu} on a GPU"
        typer.echo(f"{each.name}: {each.title}, by {package(each.library)}; {each.size:g} GB, takes {memory}")
        typer.echo(f"    {each.licence}{'; wants HF_TOKEN' if each.gated else ''}")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="The model, as promptcdn model list names it.")],
    folder: Annotated[Path, typer.Option("--to", help="The folder in which a folder of that name is made.")] = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Bring it without being asked: for scripts.")] = False,
) -> None:
    """Bring a model from Hugging Face's hub into a folder, and print the setting that uses it.

    Says the licence and the size first, and asks. Started again, it goes on where it ended. Brings no file that runs
    code when it is read.
    """
    from promptcdn.generators.local import fetching
    from promptcdn.generators.local.hub import BY_NAME
    from promptcdn.settings.environment import variables

    known = BY_NAME[choice("NAME", name, BY_NAME)]
    place = (folder / known.name).absolute()
    try:
        # Of the settings this one alone: PROMPTCDN_LOCAL_MODEL may name the folder that is to be brought.
        token = (variables().get("HF_TOKEN") or "").strip() or None
        offered = fetching.offer(known, token)
        _agree(known, offered, place, yes=yes)
        fetching.fetch(known, offered, place, token)
    except BadSettings as wrong:
        fail(str(wrong))
    except fetching.NotFetched as why:
        typer.echo(f"promptcdn: {why}", err=True)
        raise typer.Exit(FINDINGS) from None
    typer.echo(f"PROMPTCDN_LOCAL_MODEL={place}")


def _agree(known: "Known", offered: "Offer", place: Path, *, yes: bool) -> None:
    """Says what would be brought, and asks."""
    import shutil

    typer.echo(f"{known.title}, from {known.page}", err=True)
    typer.echo(f"licence: {known.licence}; the whole text is on that page", err=True)
    typer.echo(f"{len(offered.files)} files, {offered.size / _GIGABYTE:.1f} GB, into {place}", err=True)
    there = next(each for each in (place, *place.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < offered.size:
        typer.echo(f"that disk has {free / _GIGABYTE:.1f} GB left: files that are there already need none", err=True)
    if not yes:
        typer.confirm("Bring it, and accept the licence?", abort=True, err=True)
