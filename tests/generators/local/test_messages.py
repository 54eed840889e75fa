"""What of a model's process's own messages goes into the log."""

from hypothesis import given
from hypothesis import strategies as st

from promptcdn.generators.local.messages import LINE_MAX, LINES_MAX, WINDOW, Messages


def test_lines_come_whole_however_they_were_cut() -> None:
    messages = Messages()

    assert messages.lines(b"a file is mis", 0) == []
    assert messages.lines(b"sing\nand ano", 0) == ["a file is missing"]
    assert messages.last(0) == ["and ano"]


def test_few_lines_are_logged_and_the_others_counted() -> None:
    messages = Messages()

    assert len(messages.lines(b"noise\n" * 1000, 0)) == LINES_MAX
    assert messages.lines(b"noise\n", WINDOW - 1) == []
    assert messages.lines(b"news\n", WINDOW) == [f"({1001 - LINES_MAX} lines were left out)", "news"]


def test_a_long_line_is_cut_and_its_rest_is_not_kept() -> None:
    messages = Messages()

    (line,) = messages.lines(b"a " * 10_000 + b"\n", 0)
    assert len(line) <= LINE_MAX + 4
    messages.lines(b"a" * 1_000_000, 0)
    assert len(messages.last(0)[0]) <= LINE_MAX + 4


def test_progress_bars_and_control_characters_are_not_logged() -> None:
    messages = Messages()

    assert messages.lines(b"\r 10%|#   |\r 20%|##  |\rdone \x1b[31mred\x07\n", 0) == ["done ?[31mred?"]


@given(st.text(max_size=100), st.binary(max_size=50))
def test_no_word_of_a_prompt_is_logged(prompt: str, noise: bytes) -> None:
    messages = Messages()
    messages.conceal(f"canary {prompt}", "Canary2", None)

    shown = " ".join(messages.lines(noise + b" truncated: CANARY canary2 (canary) " + prompt.encode() + b"\n", 0))

    assert "canary" not in shown.lower()


def test_a_long_word_of_a_prompt_is_not_logged_in_part() -> None:
    """However long the line is that quotes it, and wherever that was cut."""
    messages = Messages()
    messages.conceal("canary" * 600)

    assert messages.lines(b"quoted: " + b"canary" * 600 + b"\n", 0) == ["quoted: ..."]
    messages.lines(b"quoted: " + b"canary" * 300, 0)
    assert messages.lines(b"canary" * 300 + b"\n", 0) == ["quoted: ..."]


def test_words_of_the_prompt_before_are_no_secret_for_ever() -> None:
    messages = Messages()
    messages.conceal("a lighthouse")
    assert messages.lines(b"no lighthouse\n", 0) == ["no ..."]
    messages.conceal("a cat")

    assert messages.lines(b"no lighthouse, no cat\n", 0) == ["no lighthouse, no ..."]
