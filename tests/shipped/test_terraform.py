"""The Terraform module for AWS names what the service has: settings, secrets, codes, log lines, rights."""

import re
import runpy
import shutil
import subprocess
from typing import Any

import pytest
from pydantic import SecretStr

from promptcdn import problems
from promptcdn.guard.api_keys import ApiKeys
from promptcdn.settings import Settings, load
from promptcdn.settings.generators import PREFIX
from tests.shipped.test_compose import known_names
from tests.support.topology import ROOT

FOLDER = ROOT / "terraform" / "aws"
MODULE = {path.name: path.read_text() for path in FOLDER.glob("*.tf")}
GUIDE = (ROOT / "docs" / "deploy" / "aws.md").read_text()


def expected_settings() -> dict[str, str]:
    """The settings of a task, as `terraform test` finds them with nothing but what is required."""
    said = re.search(r"environment : each.name => each.value \} == \{ (PROMPT|AWS.*?) \}", _tests())
    assert said is not None
    return dict(re.findall(r'(\w+) = "([^"]*)"', said[1]))


def _tests() -> str:
    return (FOLDER / "tests" / "service.tftest.hcl").read_text()


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not here")
def test_the_modules_are_well_formed() -> None:
    ended = subprocess.run(
        ["terraform", "fmt", "-check", "-recursive", ROOT / "terraform"], capture_output=True, text=True
    )

    assert (ended.returncode, ended.stdout) == (0, "")


def test_every_setting_of_a_task_is_a_real_one() -> None:
    named = set(re.findall(r"\b((?:PROMPTCDN|AWS|STABILITY)_[A-Z0-9_]+)\b", "".join(MODULE.values())))

    assert named <= known_names()
    assert expected_settings().keys() - {"PORT", "TMPDIR"} <= named


def test_the_service_starts_with_the_values_of_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in expected_settings().items():
        if name.startswith(PREFIX) or name == "PORT":
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("PROMPTCDN_SIGNING_KEYS", "id:a-secret-of-thirty-two-characters")

    settings = load()

    assert settings.grace + 10 <= 120  # Fargate's longest stopTimeout
    assert settings.memory * 4 <= 1024**3  # of the task's gibibyte
    assert settings.log == "json"


def is_secret(field: Any) -> bool:
    kinds = str(field.annotation)
    return SecretStr.__name__ in kinds or ApiKeys.__name__ in kinds or "SigningKeys" in kinds or "Keys" in kinds


def test_no_secret_setting_can_be_named_in_plain() -> None:
    """The variable `settings`, which is in Terraform's state, refuses each secret setting, and no other one."""
    refused = re.search(r'can\(regex\("([^"]+)", name\)\) && name != "(\w+)"', MODULE["variables.tf"])
    assert refused is not None
    pattern, allowed = re.compile(refused[1]), refused[2]
    fields = {
        name.upper() if field.validation_alias else PREFIX + name.upper(): field
        for name, field in Settings.model_fields.items()
    }

    secrets = {name for name, field in fields.items() if is_secret(field)}
    assert {name for name in fields if pattern.search(name) and name != allowed} == secrets
    assert all(pattern.search(name) for name in ("AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "HF_TOKEN"))


def test_alarms_are_on_what_the_service_writes() -> None:
    outcomes = set(re.findall(r'outcome = \\"(\w+\*?)\\"', MODULE["alarms.tf"]))
    messages = re.findall(r'message = \\"([^\\*]+)\*\\"', MODULE["alarms.tf"])
    codes = {kind.code for kind in problems.KINDS}
    source = "".join(path.read_text() for path in (ROOT / "proxy").rglob("*.py"))

    assert outcomes
    assert messages
    assert [each for each in outcomes if not any(re.fullmatch(each.replace("*", ".*"), code) for code in codes)] == []
    assert [each for each in messages if f'"{each}' not in source] == []


def test_the_service_has_the_rights_that_it_needs_and_no_more() -> None:
    """The role of a task has the rights of `docs/stores.md`."""
    role = MODULE["roles.tf"].partition('"aws_iam_policy_document" "service"')[2].partition("\nresource")[0]
    said = (ROOT / "docs" / "stores.md").read_text().partition("The keys need four rights")[2].partition("\n")[0]

    assert set(re.findall(r'"(s3:\w+)"', role)) == set(re.findall(r"`(s3:\w+)`", said))
    assert "*" not in re.sub(r"pictures\.arn\}/\*", "", role)


def test_no_secret_is_in_the_state() -> None:
    """No resource has the value of a secret, and no variable takes one."""
    everything = "".join(path.read_text() for path in FOLDER.rglob("*.tf"))

    assert not re.search(r"secret_version|ssm_parameter|random_password|sensitive +=|auth_token +=", everything)


def test_the_guide_makes_every_secret_and_names_every_variable() -> None:
    """The guide names every variable of the module, and says how its required secrets are made."""
    names = re.findall(r'^variable "(\w+)"', MODULE["variables.tf"], re.MULTILINE)

    assert [name for name in names if f"`{name}`" not in GUIDE] == []
    for name in ("admin-token", "signing-keys", "stability-key"):
        assert f"promptcdn/{name}" in GUIDE


def test_the_guide_has_the_values_that_the_example_takes() -> None:
    block = GUIDE.partition("```hcl\n")[2].partition("```")[0]
    example = (FOLDER / "examples" / "public" / "main.tf").read_text()

    assert set(re.findall(r"^   (\w+) +=", block, re.MULTILINE)) == set(re.findall(r'^variable "(\w+)"', example, re.M))
    assert set(re.findall(r"^     (\w+) +=", block, re.MULTILINE)) <= known_names()


def test_what_was_applied_is_in_the_guide() -> None:
    """Each kind of resource is in the guide's table: applied on moto, or planned only."""
    kinds = set(re.findall(r'^resource "(\w+)"', "".join(path.read_text() for path in FOLDER.rglob("*.tf")), re.M))

    assert sorted(kind for kind in kinds if f"`{kind}`" not in GUIDE) == []


def test_the_bill_is_that_of_its_script() -> None:
    """The tables of the bill are printed by `docs/deploy/aws_bill.py`, and what other pages say of it is rounded."""
    bill = runpy.run_path(str(ROOT / "docs" / "deploy" / "aws_bill.py"))
    smallest, *_, largest = re.findall(r"\*\*([\d,.]+)\*\*", bill["bill"]())
    said = (ROOT / "docs" / "deploy" / "README.md").read_text()

    assert [name for name in ("assumed", "bill", "prices") if bill[name]() not in GUIDE] == []
    assert f"from ${smallest.partition('.')[0]} a month" in said
    assert f"100 million views for ${round(float(largest.replace(',', '')), -1):,.0f} " in said
