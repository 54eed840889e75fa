"""Problems as a chat is told them: sentences for whoever gave the command, who sees no status and no header."""

from collections.abc import Sequence

from promptcdn import problems
from promptcdn.problems import Problem, RateLimited
from promptcdn.url.parameters import BY_NAME

_SENTENCES = {
    problems.DENIED: "The operator of this service does not allow this prompt: use another one.",
    problems.FILTERED: "The image generator's content filter refused this prompt with this seed: use another prompt or"
    " another seed.",
    problems.BUDGET_SPENT: "The budget of this service for new pictures is spent for now. Pictures that were made"
    " before are still shown.",
    problems.MISSES_CLOSED: "This service makes no new pictures: only those that were made before are shown.",
    problems.REMOVED: "The operator of this service took this picture down.",
    problems.DRAINING: "This service is being restarted: give the same command again in a minute.",
    problems.INTERNAL: "This service had an unexpected error: try again later.",
}
_AN_EQUALS_SIGN = " An equals sign that belongs to the prompt is written in quotes."


def said(problem: Problem) -> str:
    """What is wrong and what to do, in one or two sentences.

    Whatever a person wrote may be quoted in it, so that a face has to make the text harmless before it shows it.
    """
    if isinstance(problem, RateLimited):
        whose = "You have" if problem.policy == "client" else "This service has"
        return f"{whose} started as many new pictures as allowed for now: try again in {problem.retry_after} seconds."
    if problem.kind is problems.OVERLOADED:
        return _sentence(problem.detail)
    if problem.kind is problems.BAD_PARAMETER:
        unknown = problem.parameter is not None and problem.parameter not in BY_NAME
        # It begins with the parameter's name, which stays as it is written.
        return f"{problem.detail}." + (_AN_EQUALS_SIGN if unknown else "")
    known = _SENTENCES.get(problem.kind)
    return known or _sentence(f"{problem.kind.title}: {problem.kind.for_readers or problem.detail}")


def late(minutes: int, seed: int | None) -> str:
    """What is said when a picture takes longer than the chat allows an answer to take."""
    named = "" if seed is None else f" with seed={seed}"
    return (
        f"The picture was not ready after {minutes} minutes, and the chat allows no later answer. It is still being"
        f" made: give the same command{named} again later, and if the picture is there it costs nothing more."
    )


def missing(refused: Sequence[str], count: int) -> str:
    """What is said of the pictures of a series that were not made, by the sentence of each; empty where all were."""
    return f"{len(refused)} of {count} pictures could not be made. {refused[0]}" if refused else ""


def cut(text: str, most: int) -> str:
    """The text, with an ellipsis for what is too much of it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
