"""The routes of OpenAI's images API."""

from starlette.routing import Route

from promptcdn.faces.openai_api import models
from promptcdn.faces.openai_api.draws import Draws
from promptcdn.faces.openai_api.errors import PREFIX
from promptcdn.faces.openai_api.generations import Generations
from promptcdn.replicas.connection import RedisConnection


def routes(connection: RedisConnection | None) -> list[Route]:
    """The routes; replicas that share a Redis share what requests without a seed have drawn."""
    generations = Generations(Draws(connection))
    return [
        Route(f"{PREFIX}images/generations", generations.generate, methods=["POST"]),
        Route(f"{PREFIX}images/edits", generations.edit, methods=["POST"]),
        Route(f"{PREFIX}models", models.listed),
        Route(f"{PREFIX}models/{{model:path}}", models.one),
    ]
