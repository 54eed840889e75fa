"""Work that is shared, or goes on without its asker.

single      one piece of work for each key, shared by all who wait for it
detached    bounded work for one asker, which goes on when the asker has left
locks       one lock for each key
"""

from promptcdn.flights.detached import DetachedTasks
from promptcdn.flights.locks import KeyedLocks
from promptcdn.flights.single import Flight, Flights

__all__ = ["DetachedTasks", "Flight", "Flights", "KeyedLocks"]
