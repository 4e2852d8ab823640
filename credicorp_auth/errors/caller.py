"""Errors whose cure lies with the caller: a setting, or a call."""

from __future__ import annotations

from credicorp_auth.errors.root import CredicorpAuthError


class ConfigurationError(CredicorpAuthError):
    """The settings, or the adapters they name, cannot work."""

    default_code = "config.invalid"
    default_hint = "correct the setting."


class InvalidSetting(ConfigurationError, ValueError):
    """A setting has a value that cannot be used."""

    default_code = "config.value"


class MissingSetting(ConfigurationError):
    """A setting that is needed was not given anywhere."""

    default_code = "config.missing"


class AdapterNotFound(ConfigurationError):
    """No installed distribution offers the adapter that was named."""

    default_code = "plugin.missing"


class AdapterBroken(ConfigurationError):
    """The adapter is installed, but fails to load or breaks the contract of its port."""

    default_code = "plugin.load"
    default_hint = "mend or update the distribution that provides the adapter."


class AdapterConflict(ConfigurationError):
    """Two distributions claim one adapter name, so neither is used."""

    default_code = "plugin.conflict"
    default_hint = "uninstall the distribution that should not be there."


class AdapterBlocked(ConfigurationError):
    """The adapter is installed, but the operator's allow-list leaves it out."""

    default_code = "plugin.blocked"
    default_hint = "add the name to CREDICORP_PLUGINS, or choose another adapter."


class UsageError(CredicorpAuthError):
    """The object was called in a way it cannot serve."""

    default_code = "usage"


class Closed(UsageError):
    """The object was closed before, or while, the call was made."""

    default_code = "closed"
    default_hint = "make a new CredicorpAuth, and close it only when nobody uses it any more."


class HeaderExists(UsageError):
    """A request has an `Authorization` header already, and its bearer refuses to replace it."""

    default_code = "bearer.header_exists"
    default_hint = "leave the header out, or make the bearer with existing='replace' or 'keep'."


class Reentrant(UsageError):
    """An adapter asked for the very token that it is helping to obtain."""

    default_code = "concurrency.reentrant"
    default_hint = "give the adapter credentials of its own."
