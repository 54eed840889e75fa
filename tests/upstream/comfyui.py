"""ComfyUI's HTTP API on loopback: a queue that is worked off one by one, a history, and the cache of finished nodes.

    with ComfyUpstream() as upstream:
        upstream.url                         # for COMFYUI_URL
        upstream.workflow(folder)            # the path of a workflow that it can draw, for COMFYUI_WORKFLOW

All else is as with the gRPC server (tests/upstream/__init__.py). The ledger has a line for each workflow that is drawn;
one that is answered from the cache costs nothing. A call's faults are those of its `POST /prompt` and all that follows.
Sources, read in November 2026: ComfyUI's page "Routes", its `server.py`, `execution.py` and `nodes.py`; the cache by
its issues 952 and 6261 and pull request 14939, `/interrupt` by its pull request 9607.
"""

import copy
import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.upstream import pictures
from tests.upstream.faults import Faults
from tests.upstream.ledger import Call
from tests.upstream.over_http import Client, HttpUpstream, Request

# The workflow of ComfyUI's own example (script_examples/basic_api_example.py), with titles that name places.
WORKFLOW: Mapping[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 5,
            "steps": 20,
            "cfg": 8,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1,
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
        "_meta": {"title": "promptcdn: seed, steps, cfg, sampler, scheduler"},
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "v1-5.safetensors"}},
    "5": {
        "class_type": "EmptyLatentImage",
        "inputs": {"width": 512, "height": 512, "batch_size": 1},
        "_meta": {"title": "promptcdn: size"},
    },
    "6": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "masterpiece", "clip": ["4", 1]},
        "_meta": {"title": "promptcdn: prompt"},
    },
    "7": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "bad hands", "clip": ["4", 1]},
        "_meta": {"title": "promptcdn: negative prompt"},
    },
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
}
KINDS = (*sorted({node["class_type"] for node in WORKFLOW.values()}), "PreviewImage")
# comfy/sampler_names.py
SAMPLERS = (
    *("euler", "euler_ancestral", "heun", "dpm_2", "dpm_2_ancestral", "lms", "dpmpp_2s_ancestral", "dpmpp_sde"),
    *("dpmpp_2m", "ddpm", "ddim"),
)
SCHEDULERS = (
    *("normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta", "linear_quadratic"),
    "kl_optimal",
)
REFUSALS: Mapping[str, tuple[int, Any]] = {
    "no_route": (404, None),
    "unauthenticated": (401, None),
    "rate_limited": (429, {"error": "canary"}),
    "missing_node": (
        400,
        {"error": {"type": "missing_node_type", "message": "canary", "details": "canary"}, "node_errors": {}},
    ),
    "internal": (500, {"error": "canary"}),
    "no_id": (200, {"number": 1, "node_errors": {}}),
}
FAILED_IN_COMFYUI = {
    "error": [
        "execution_error",
        {
            "node_id": "3",
            "node_type": "KSampler",
            "exception_type": "torch.OutOfMemoryError",
            "exception_message": "canary",
        },
    ],
    "interrupted": ["execution_interrupted", {"node_id": "3", "node_type": "KSampler", "executed": []}],
}


@dataclass
class Job:
    """One workflow: its nodes, what it meets, and how far it is."""

    id: str
    nodes: dict[str, Any]
    named_client: bool
    faults: Faults
    stopped: threading.Event = field(default_factory=threading.Event)
    files: list[str] = field(default_factory=list)


class ComfyUpstream(HttpUpstream):
    """The server. `old`: as it was in 2024, without ids of clients and with one way to stop all work."""

    def __init__(self, ledger: Path | None = None, port: int = 0, *, old: bool = False) -> None:
        super().__init__(ledger, port, repeats=True)
        self._old = old
        self._state = threading.Condition()
        self._pending: list[Job] = []
        self._running: Job | None = None
        self._history: dict[str, Any] = {}
        self._looks: dict[str, int] = {}
        self._files: dict[str, tuple[bytes, Faults]] = {}
        self._cache: dict[str, list[dict[str, str]]] = {}
        self._worker = threading.Thread(target=self._work)
        self._ended = False

    def __enter__(self) -> "ComfyUpstream":
        self._worker.start()
        return super().__enter__()

    def __exit__(self, *arguments: Any) -> None:
        with self._state:
            self._ended = True
            if self._running:
                self._running.stopped.set()
            self._state.notify_all()
        self.release()
        self._worker.join()
        super().__exit__(*arguments)

    def workflow(self, folder: Path, nodes: Mapping[str, Any] = WORKFLOW) -> Path:
        """The path of a workflow, as it is exported."""
        path = folder / "workflow.json"
        path.write_text(json.dumps(nodes))
        return path

    @property
    def queued(self) -> int:
        """How many workflows wait or are drawn."""
        return len(self._pending) + (self._running is not None)

    def empty_outputs(self) -> None:
        """Deletes all files of pictures, as operators do."""
        self._files.clear()

    def answer(self, request: Request, client: Client) -> None:
        faults = self.faults("") if request.path.startswith(("/system_stats", "/object_info")) else Faults({})
        if refusal := faults.one_of(REFUSALS):
            return client.send_json(refusal[1], refusal[0])
        match request.path.split("/")[1:]:
            case ["prompt"]:
                return self._submit(request.json or {}, client)
            case ["history", id_]:
                return self._look(id_, client)
            case ["queue"] if request.method == "GET":
                return client.send_json(self._queue())
            case ["queue"]:
                return self._delete(request.json["delete"], client)
            case ["interrupt"]:
                return self._interrupt((request.json or {}).get("prompt_id"), client)
            case ["view"]:
                return self._view(request.query, client)
            case ["system_stats"]:
                return client.send_json({"system": {"comfyui_version": "0.3.71", "argv": ["canary"]}})
            case ["object_info", kind]:
                return client.send_json({kind: {"input": {}}} if kind in KINDS else {})
        return client.send(b"404: Not Found", 404)

    def _submit(self, body: dict[str, Any], client: Client) -> None:
        nodes = body.get("prompt") or {}
        faults = self.faults(str(nodes.get("6", {}).get("inputs", {}).get("text", "")))
        if refusal := faults.one_of(REFUSALS):
            head = {"retry_after": str(int(faults["retry_after"]))} if "retry_after" in faults else {}
            return client.send_json(refusal[1], refusal[0], **head)
        if wrong := _wrong(nodes):
            return client.send_json(wrong, 400)
        id_ = body.get("prompt_id") if not self._old else None
        job = Job(id_ or str(uuid.uuid4()), nodes, bool(body.get("client_id")), faults)
        with self._state:
            self._pending.append(job)
            self._state.notify_all()
        if client.meet(faults):
            return None
        return client.send_json({"prompt_id": job.id, "number": 1, "node_errors": {}})

    def _look(self, id_: str, client: Client) -> None:
        failing = self._looks.get(id_, 0)
        if failing:
            self._looks[id_] = failing - 1
            return client.break_off()
        found = self._history.get(id_)
        return client.send_json({id_: found} if found else {})

    def _queue(self) -> dict[str, Any]:
        with self._state:
            pending, running = ([_item(job) for job in jobs if job] for jobs in (self._pending, [self._running]))
        return {"queue_running": running, "queue_pending": pending}

    def _delete(self, ids: list[str], client: Client) -> None:
        with self._state:
            self._pending = [job for job in self._pending if job.id not in ids]
        client.send(b"")

    def _interrupt(self, id_: str | None, client: Client) -> None:
        with self._state:
            if self._running and (self._old or id_ in (None, self._running.id)):
                self._running.stopped.set()
        client.send(b"")

    def _view(self, query: Mapping[str, str], client: Client) -> None:
        found = self._files.get(f"{query.get('subfolder')}/{query.get('filename')}")
        if found is None:
            return client.send(b"", 404)
        content, faults = found
        failing = int(faults["view_fails"]) if "view_fails" in faults else 0
        if sum(request.path == "/view" for request in self.requests) <= failing:
            return client.break_off()
        if "view_down" in faults:
            return client.send_json({"error": "canary"}, 503)
        if "view_html" in faults:
            return client.send(b"<!doctype html><title>canary</title>", content_type="text/html")
        if "view_huge" in faults:
            return client.send_huge()
        return client.send(content, content_type="image/png")

    # The one worker

    def _work(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._pending or self._ended)
                if self._ended:
                    return
                job = self._running = self._pending.pop(0)
            self._run(job)
            with self._state:
                self._running = None

    def _run(self, job: Job) -> None:
        self._looks[job.id] = int(job.faults["looks_fail"]) if "looks_fail" in job.faults else 0
        key = json.dumps(job.nodes, sort_keys=True)
        images = self._cache.get(key)
        if images is None:
            with self.accepted(_call(job)):
                images = self._draw(job)
            if images:
                self._cache[key] = images
        elif not job.named_client:
            images = []  # what is in the cache is shown to named clients only
        if "forgotten" in job.faults:
            return
        failed = job.faults.one_of(FAILED_IN_COMFYUI) or (FAILED_IN_COMFYUI["interrupted"] if images is None else None)
        status = {"status_str": "error" if failed else "success", "completed": not failed, "messages": [failed or []]}
        outputs = {} if failed or not images else {"9": {"images": images}}
        done = {"prompt": _item(job), "outputs": outputs, "status": status, "meta": {}}
        if "no_status" in job.faults:
            del done["status"]
        self._history[job.id] = done

    def _draw(self, job: Job) -> list[dict[str, str]] | None:
        """The pictures; `None` where it was stopped."""
        if "stuck" in job.faults:
            job.stopped.wait()
        elif "slow" in job.faults:
            job.stopped.wait(job.faults["slow"])
        if job.stopped.is_set():
            return None
        if "no_picture" in job.faults:
            return []
        last = job.nodes["9"]
        folder, _, name = str(last["inputs"].get("filename_prefix", "ComfyUI_temp")).rpartition("/")
        place = {"filename": f"{name}_00001_.png", "subfolder": folder}
        if "no_file" not in job.faults:
            self._files[f"{folder}/{place['filename']}"] = (_file(job, self.call_name()), job.faults)
        return [{**place, "type": "output" if last["class_type"] == "SaveImage" else "temp"}]


def _item(job: Job) -> list[Any]:
    return [1, job.id, job.nodes, {}, ["9"]]


def _wrong(nodes: dict[str, Any]) -> Any:
    """validate_prompt: kinds of nodes, and values that are chosen from a list."""
    lists = {"sampler_name": SAMPLERS, "scheduler": SCHEDULERS, "ckpt_name": ("v1-5.safetensors",)}
    for id_, node in nodes.items():
        kind = node["class_type"]
        if kind not in KINDS:
            return {"error": {"type": "invalid_prompt", "message": f"canary {kind}"}, "node_errors": {}}
        for name, known in lists.items():
            if node["inputs"].get(name, known[0]) not in known:
                error = {"type": "value_not_in_list", "details": "canary", "extra_info": {"input_name": name}}
                found = {id_: {"errors": [error], "dependent_outputs": ["9"], "class_type": kind}}
                return {
                    "error": {"type": "prompt_outputs_failed_validation", "message": "canary"},
                    "node_errors": found,
                }
    return None


def _file(job: Job, call: str) -> bytes:
    if "empty" in job.faults:
        return b""
    if "bomb" in job.faults:
        return pictures.bomb()
    drawn = copy.deepcopy(job.nodes)
    drawn["9"]["inputs"].pop("filename_prefix", None)
    size = (64, 64) if "wrong_size" in job.faults else tuple(drawn["5"]["inputs"][side] for side in ("width", "height"))
    text = f"prompt {json.dumps(drawn)} canary"
    png = pictures.drawn(json.dumps(drawn, sort_keys=True), call, size, text, noise="noise" in job.faults)
    return png[: len(png) // 2] if "truncated" in job.faults else png


def _call(job: Job) -> Call:
    sampler, size = job.nodes["3"]["inputs"], job.nodes["5"]["inputs"]
    texts = [str(job.nodes[id_]["inputs"]["text"]) for id_ in ("6", "7")]
    return Call(
        at=time.time(),
        deadline=None,
        authorization="none",
        request_id=f"{texts[0]} {sampler['seed']}",
        engine=job.nodes["4"]["inputs"]["ckpt_name"],
        prompts=((texts[0], 1.0), (texts[1], -1.0)),
        seeds=(sampler["seed"],),
        samples=size["batch_size"],
        width=size["width"],
        height=size["height"],
        steps=sampler["steps"],
        cfg_scale=sampler["cfg"],
        sampler=sampler["sampler_name"],
        guidance=None,
        style=None,
        extras=(sampler["scheduler"],),
    )
