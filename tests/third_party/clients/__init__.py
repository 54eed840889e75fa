"""Clients of OpenAI's images API that others wrote. `./scripts/clients-test` installs them and runs `check.py`."""
