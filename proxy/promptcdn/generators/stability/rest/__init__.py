"""The REST API of Stability AI, version v2beta.

engines    its engines with their sizes and what they understand
client     one call for a picture
account    what `doctor` asks the upstream, without spending
wire       the form that asks for a picture
answers    the answer to one call
statuses   every HTTP status, and what it means for us
"""
