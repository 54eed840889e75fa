"""The gRPC protocol of Stability AI, spoken by self-hosted servers and by the hosted service of old.

    address    what STABILITY_HOST means
    engines    its engines with their sizes
    client     one call for a picture
    account    what `doctor` asks the upstream, without spending
    channels   the connection to the upstream
    wire       the protocol's message that asks for a picture
    answers    the stream of answers to one call
    statuses   every gRPC status, and what it means for us
    pauses     for how long the upstream wants no further call
    stubs      the SDK's messages, imported without its side effects

The SDK's client is not used: docs/stability.md says why.
"""
