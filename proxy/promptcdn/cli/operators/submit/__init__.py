"""`promptcdn submit`: has a job started by the API of a cloud, for PROMPTCDN_WORKER_START.

calls        one call of an API: where it goes, and what it says
credentials  by which credentials it is made
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from promptcdn.cli.ending import FINDINGS, choice, fail
from promptcdn.problems import BadSettings


def submit(
    address: Annotated[str, typer.Argument(help="The address of the API that starts a job, with https://.")],
    credentials: Annotated[
        str, typer.Option("--as", help="The credentials of the call: google, aws, kubernetes or github.")
    ],
    body: Annotated[
        str | None, typer.Option(help="What is sent: a file with a JSON object, or the object itself.")
    ] = None,
) -> None:
    """Start a job, once, by a call of an API of Google, AWS, Kubernetes or GitHub, as the machine's own account there.

    google takes the service account's token of the metadata server, aws the credentials that boto3 finds, kubernetes
    the account of the pod, github GH_TOKEN or GITHUB_TOKEN. With kubernetes the address is that of a CronJob, of which
    a job is made. Exit code 1: the API was asked, and has not started a job.
    """
    from promptcdn.cli.operators.submit.calls import Refused, Submitter
    from promptcdn.settings.environment import variables

    chosen = choice("--as", credentials, ("google", "aws", "kubernetes", "github"))
    document = None if body is None else _document(body)
    try:
        known = {name: value for name, value in variables().items() if value}
        said = Submitter(known).submit(address, chosen, document)
    except BadSettings as wrong:
        fail(str(wrong))
    except Refused as refused:
        typer.echo(f"promptcdn: no job was started: {refused}", err=True)
        raise typer.Exit(FINDINGS) from None
    typer.echo(said)


def _document(body: str) -> object:
    """The JSON object of a file, or the one that stands there itself."""
    is_file = not body.lstrip().startswith("{")
    try:
        document = json.loads(Path(body).read_text() if is_file else body)
    except OSError as wrong:
        fail(f'--body="{body}": the file cannot be read: {wrong.strerror}')
    except ValueError as wrong:
        fail(f"--body: what is there is no JSON: {wrong}")
    return document if isinstance(document, dict) else fail("--body: a JSON object is sent, and this is none")
