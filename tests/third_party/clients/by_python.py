"""python by_python.py BASE KEY CLIENT PROMPT MODEL: makes one picture and prints it, or the error, as JSON."""

import json
import os
import sys
import warnings
from typing import Any

# Without it litellm asks the internet for prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
warnings.simplefilter("ignore")


def by_openai(base: str, key: str, prompt: str, model: str) -> dict[str, Any]:
    from openai import OpenAI

    made = OpenAI(base_url=base, api_key=key).images.generate(prompt=prompt, model=model, extra_body={"seed": 7})
    assert made.data is not None
    return {"file": made.data[0].b64_json, "url": made.data[0].url}


def by_litellm(base: str, key: str, prompt: str, model: str) -> dict[str, Any]:
    import litellm

    litellm.suppress_debug_info = True
    made: Any = litellm.image_generation(prompt, f"openai/{model}", api_base=base, api_key=key, seed=7)
    return {"file": made.data[0].b64_json, "url": made.data[0].url}


def by_langchain(base: str, key: str, prompt: str, model: str) -> dict[str, Any]:
    from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper

    return {"url": DallEAPIWrapper(base_url=base, api_key=key, model=f"{model}#seed=7").run(prompt)}


CLIENTS = {"openai": by_openai, "litellm": by_litellm, "langchain": by_langchain}

if __name__ == "__main__":
    base, key, client, prompt, model = sys.argv[1:]
    try:
        said = CLIENTS[client](base, key, prompt, model)
    except Exception as error:  # noqa: BLE001 - each client has its own
        said = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(said))  # noqa: T201
