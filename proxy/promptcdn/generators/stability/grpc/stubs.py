"""The SDK's messages and stub, imported without what that import does to everybody else.

`import stability_sdk` appends four folders of bare modules to `sys.path` (its `__init__.py`), since the generated code
says `import tensors_pb2`. They are needed during this import only. Always import the messages by this one name: the
stub's own `import generation_pb2` is a second module of the same classes.
"""

import sys

INSTALL = "pip install --no-deps stability-sdk==0.8.6"


class SdkMissing(ImportError):
    """stability-sdk is not installed; the message is one line that names the command."""


_path = list(sys.path)
try:
    from stability_sdk.interfaces.gooseai.dashboard import dashboard_pb2 as dashboard
    from stability_sdk.interfaces.gooseai.engines import engines_pb2 as engines
    from stability_sdk.interfaces.gooseai.generation import generation_pb2 as messages
    from stability_sdk.interfaces.gooseai.generation.generation_pb2_grpc import GenerationServiceStub
except ModuleNotFoundError as missing:
    if missing.name is None or missing.name.partition(".")[0] != "stability_sdk":
        raise
    raise SdkMissing(f"the stability generator needs stability-sdk, install it with: {INSTALL}") from None
finally:
    sys.path[:] = _path

__all__ = ["INSTALL", "GenerationServiceStub", "SdkMissing", "dashboard", "engines", "messages"]
