"""Options of the secret source `aws`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attrs import Attribute, field, frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.messages import read_url
from credicorp_auth.plugin.api.json_record import no_field_names, read_field_names
from credicorp_auth.plugin.api.option_values import invalid, one_of, read_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST: Final = 3600.0
_ARN: Final = re.compile(r"arn:[a-z0-9-]+:(?:secretsmanager|ssm):([a-z0-9-]+):")


def _spelt(pattern: str, hint: str) -> Callable[[object, Attribute[Any], Any], None]:
    """Build a validator for an optional string."""
    right = re.compile(pattern)

    def check(_options: object, attribute: Attribute[Any], value: object) -> None:
        if value is not None and not (isinstance(value, str) and right.fullmatch(value)):
            raise invalid(attribute.name, "cannot be used", hint)

    return check


def _read_endpoint(value: str | None) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance] # users may err
        raise invalid("endpoint_url", "is not text", "set it to an https address.")
    return read_url(value, name="endpoint_url")


_name: Final = _spelt(r"[!-~]{1,2048}", "set it to the name or ARN, without white space.")


def _read_timeout(value: float | str) -> float:
    return read_seconds("timeout", value, most=_LONGEST)


@frozen
class SourceOptions:
    """
    Options of the secret source `aws`.

    Args:
        secret_id (text; default: none): Name or ARN of a Secrets Manager secret. Either it or
            `parameter` is required.
        parameter (text; default: none): Name or ARN of a Parameter Store parameter. Append
            `:version` or `:label` to read another version than the newest.
        region (text; default: that of the ARN, the profile or the environment): Region of the
            secret.
        profile (text; default: AWS_PROFILE): Name of a profile in AWS's configuration files.
        role_arn (text; default: none): Role to assume before reading, with the credentials of
            AWS's credential chain.
        endpoint_url (address; default: that of AWS): URL of the service, such as a VPC endpoint.
        stage (text; default: `AWSCURRENT`, without `version_id`): Staging label of the secret's
            version.
        version_id (text; default: none): Id of the secret version to read.
        fields (mapping; default: none): Field names and the JSON members that hold them, if the
            names differ; or text such as `client_id=username,client_secret=password`.
        timeout (seconds, above 0, up to 3600; default: `2`): For one fetch in total, AWS's
            credential chain and retries included.
        overlap (`off`, `previous` or `pending`; default: `off`): `previous` or `pending` also
            reads the version of that stage, for use during a rotation.

    Raises:
        InvalidSetting: A value is invalid (`config.value`, `config.url`), two options conflict,
            or `endpoint_url` is plain http off loopback (`config.insecure_url`).

    .. versionadded:: 1.0.0
    """

    secret_id: str | None = field(default=None, validator=_name)
    parameter: str | None = field(default=None, validator=_name)
    region: str | None = field(
        default=None, validator=_spelt(r"[a-z0-9-]{1,63}", "set it to a region such as eu-west-2.")
    )
    profile: str | None = field(
        default=None, validator=_spelt(r"\S(.{0,254}\S)?", "set it to the name of a profile.")
    )
    role_arn: str | None = field(
        default=None,
        validator=_spelt(
            r"arn:[a-z0-9-]+:iam::[0-9]{12}:role/[!-~]{1,512}",
            "set it to arn:aws:iam::<account>:role/<name>.",
        ),
    )
    endpoint_url: str | None = field(default=None, converter=_read_endpoint)
    stage: str | None = field(
        default=None, validator=_spelt(r"[!-~]{1,256}", "set it to a label such as AWSCURRENT.")
    )
    version_id: str | None = field(
        default=None, validator=_spelt(r"[!-~]{32,64}", "set it to the id of a version.")
    )
    fields: Mapping[str, str] = field(factory=no_field_names, converter=read_field_names)
    timeout: float = field(default=2.0, converter=_read_timeout)
    overlap: str = field(default="off", validator=one_of("off", "previous", "pending"))

    @property
    def known_region(self) -> str | None:
        """The region that the options state, by themselves or in an ARN; or None."""
        return self.region or self._region_of_arn()

    def _region_of_arn(self) -> str | None:
        found = _ARN.match(self.secret_id or self.parameter or "")
        return found[1] if found else None

    def __attrs_post_init__(self) -> None:
        if (self.secret_id is None) == (self.parameter is None):
            given = "neither" if self.secret_id is None else "both"
            raise InvalidSetting(
                f"{given} of `secret_id` and `parameter` are set",
                hint="set one of them: a secret of Secrets Manager, or one of Parameter Store.",
            )
        stated = self._region_of_arn()
        if self.region and stated and self.region != stated:
            raise InvalidSetting(
                f"`region` is {self.region}, and the ARN is of {stated}",
                hint="leave out `region`: the ARN states it.",
            )
        if self.parameter and (self.stage or self.version_id or self.overlap != "off"):
            raise InvalidSetting(
                "`stage`, `version_id` and `overlap` are of secrets, and `parameter` is set",
                hint="put the version or label behind the parameter's name, as name:version.",
            )
        if self.version_id and (self.stage or self.overlap != "off"):
            raise InvalidSetting(
                "`version_id` names one version, `stage` or `overlap` another",
                hint="leave out `version_id` to follow a rotation.",
            )
