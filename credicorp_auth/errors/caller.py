"""Errors that the caller can fix, in a setting or a call."""

from __future__ import annotations

from credicorp_auth.errors.root import CredicorpAuthError


class ConfigurationError(CredicorpAuthError):
    """The settings, or the adapters that they name, are invalid."""

    default_code = "config.invalid"
    default_hint = "correct the setting."


class InvalidSetting(ConfigurationError, ValueError):
    """A setting has an invalid value."""

    default_code = "config.value"


class MissingSetting(ConfigurationError):
    """A required setting is not set."""

    default_code = "config.missing"


class AdapterNotFound(ConfigurationError):
    """No installed distribution provides the named adapter or command."""

    default_code = "plugin.missing"


class AdapterBroken(ConfigurationError):
    """The adapter or command is installed, but fails to load or violates its contract."""

    default_code = "plugin.load"
    default_hint = "fix or update the distribution that provides it."


class AdapterConflict(ConfigurationError):
    """Two distributions claim the same name of an adapter or command, so neither is used."""

    default_code = "plugin.conflict"
    default_hint = "uninstall the distribution that should not claim the name."


class AdapterBlocked(ConfigurationError):
    """The adapter or command is installed, but is not on the operator's allowlist."""

    default_code = "plugin.blocked"
    default_hint = "add the name to CREDICORP_PLUGINS, or choose another adapter."


class UsageError(CredicorpAuthError):
    """The object does not support this call."""

    default_code = "usage"


class Closed(UsageError):
    """The object was closed before, or while, the call was made."""

    default_code = "closed"
    default_hint = "create a new CredicorpAuth; close it only when it is no longer used."


class HeaderExists(UsageError):
    """The request already has an `Authorization` header, and its bearer may not replace it."""

    default_code = "bearer.header_exists"
    default_hint = "leave the header out, or create the bearer with existing='replace' or 'keep'."


class Reentrant(UsageError):
    """An adapter requested the same token that it is helping to obtain."""

    default_code = "concurrency.reentrant"
    default_hint = "configure separate credentials for the adapter."
