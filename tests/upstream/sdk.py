"""The SDK's messages and service stubs, found whoever imported the SDK before.

Its generated code imports its siblings by bare names; the SDK puts only some of their folders on `sys.path`, and only
when it is imported for the first time.
"""

import sys
from pathlib import Path

import stability_sdk

_INTERFACES = Path(stability_sdk.__file__).parent / "interfaces"
sys.path += sorted({str(file.parent) for file in _INTERFACES.rglob("*_pb2.py")} - set(sys.path))

import dashboard_pb2
import dashboard_pb2_grpc
import engines_pb2
import engines_pb2_grpc
from stability_sdk.interfaces.gooseai.generation import generation_pb2 as generation
from stability_sdk.interfaces.gooseai.generation import generation_pb2_grpc as services

__all__ = ["dashboard_pb2", "dashboard_pb2_grpc", "engines_pb2", "engines_pb2_grpc", "generation", "services"]
