"""How long chats are kept waiting, and how long they wait for each other."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """All in seconds.

    slack        a picture may be posted to Slack so long after its command; Slack takes answers for thirty minutes
    discord      the same for Discord, which takes them for fifteen
    body         the body of a request has to arrive within this time; both chats give up after three
    notice       a click in Slack whose picture takes longer is told that the picture is being made
    last_words   after the pictures under way are finished at the end of the service, chats have so long to be told
    call         one message to a chat, its pictures included
    pause        between two tries to send a message, where the chat does not say
    longest      the longest such pause that a chat may ask for
    """

    slack: float = 29 * 60.0
    discord: float = 14 * 60.0
    body: float = 3.0
    notice: float = 2.0
    last_words: float = 5.0
    call: float = 20.0
    pause: float = 1.0
    longest: float = 10.0


TIMINGS = Timings()
