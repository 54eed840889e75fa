"""`promptcdn` as a process whose chats are a stand-in's address, which stands in the environment."""

import os

from promptcdn.cli import main
from promptcdn.faces import chats

if __name__ == "__main__":
    there = os.environ["TEST_CHATS"]
    chats.HOSTS = chats.Hosts(there, there, there)
    main()
