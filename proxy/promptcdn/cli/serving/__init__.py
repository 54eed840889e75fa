"""Commands that serve: the service itself, and what a chat has to be told of it.

serve     `promptcdn serve`
discord   `promptcdn discord register`
"""
