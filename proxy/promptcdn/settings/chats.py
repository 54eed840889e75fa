"""The settings of the apps for Slack and Discord."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from promptcdn.settings.generators import PREFIX

# An Ed25519 public key and a snowflake, as the page of a Discord application shows them.
_PUBLIC_KEY, _ID = r"[0-9a-fA-F]{64}", r"[0-9]{1,20}"


class ChatSettings(BaseModel):
    """What the apps for Slack and Discord were given by these services."""

    # Or pydantic builds a validator of this class beside that of all settings, and nobody uses it.
    model_config = ConfigDict(defer_build=True)

    slack_signing_secret: SecretStr | None = Field(
        None,
        description="The signing secret of the app for Slack. Empty: there is no app, and its paths are 404.",
    )
    slack_bot_token: SecretStr | None = Field(
        None,
        description="The bot token of the app for Slack, xoxb-…, for pictures below links to this service."
        " Empty: links have none.",
    )
    discord_public_key: str = Field(
        "",
        pattern=f"^({_PUBLIC_KEY})?$",
        description="The public key of the application for Discord. Empty: there is none, and its path is 404.",
    )
    discord_application_id: str = Field(
        "", pattern=f"^({_ID})?$", description="The id of the application for Discord. Empty: there is none."
    )
    discord_bot_token: SecretStr | None = Field(
        None,
        description="The bot token of the application for Discord, which promptcdn discord register needs."
        " Empty: commands cannot be registered.",
    )

    @model_validator(mode="after")
    def _chats_are_whole(self) -> Self:
        if bool(self.discord_public_key) != bool(self.discord_application_id):
            both = f"{PREFIX}DISCORD_PUBLIC_KEY and {PREFIX}DISCORD_APPLICATION_ID"
            raise ValueError(f"{both} are for one application: set both, or none of them")
        if self.slack_bot_token and not self.slack_signing_secret:
            raise ValueError(f"{PREFIX}SLACK_BOT_TOKEN needs {PREFIX}SLACK_SIGNING_SECRET of the same app")
        for name in ("slack_signing_secret", "discord_public_key"):
            if getattr(self, name) and not getattr(self, "public_url", ""):
                raise ValueError(f"{PREFIX}{name.upper()} needs {PREFIX}PUBLIC_URL: chats show pictures by their URLs")
        return self
