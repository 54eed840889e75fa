"""OpenAI's images API: whatever speaks to that service gets its pictures here, by an API key of the operator's.

A picture that is made here has a URL in the ordinary grammar, its keys, budget and store are those of any other.

routing       the routes; all that is imported for them is imported with it
generations   POST /v1/images/generations and /v1/images/edits
models        GET /v1/models and /v1/models/{id}
translation   policy: what a body asks for, as requests of ours
answers       policy: what is answered
errors        policy: problems as OpenAI's error object
access        who may ask, and how a problem is answered
bodies        reads a body, within bounds
draws         remembers which seeds a request without a seed has drawn, so that the same one sent again draws none
"""
