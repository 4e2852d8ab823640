"""Every setting is described once, for `help`, editors and the reference alike."""

from __future__ import annotations

import inspect
import pydoc
from typing import TYPE_CHECKING

import attrs
import pytest
import settings_page

from credicorp_auth import CredicorpAuth, Settings, errors
from credicorp_auth.settings.keywords import DEFAULTS, SettingsKeywords, TakesSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

DECLARED: Mapping[str, inspect.Parameter] = inspect.signature(TakesSettings).parameters


def test_the_reference_is_what_the_code_says():
    """The tables of docs/reference/settings.md are those that the docstrings make."""
    page = settings_page.PAGE.read_text("utf-8")

    assert page == settings_page.build_page(page), (
        "docs/reference/settings.md is out of date; run: python tools/settings_page.py"
    )


def test_each_setting_has_a_description_a_type_and_a_reader():
    """Declaration, description, keywords of a type checker and fields name the same settings."""
    described = [each.name for each in settings_page.read_settings()]

    assert (
        list(DECLARED)
        == described
        == list(SettingsKeywords.__annotations__)
        == [each.name for each in attrs.fields(Settings)]
    )
    typed = {name: each.__forward_arg__ for name, each in SettingsKeywords.__annotations__.items()}
    assert {name: each.annotation for name, each in DECLARED.items()} == typed


@pytest.mark.parametrize("built", [CredicorpAuth, Settings])
def test_help_names_every_setting_with_type_unit_default_and_meaning(built):
    """`help(CredicorpAuth)` shows all that the reference does, and the declared types."""
    shown = pydoc.plain(pydoc.render_doc(built)).replace("\n |", "\n")
    shown = " ".join(shown.split())
    unquoted = shown.replace("'", "")  # newer Pythons show annotations without quotes

    for parameter in DECLARED.values():
        assert str(parameter).replace("'", "") in unquoted
    for name, unit, default, meaning in settings_page.read_settings():
        assert f"{name} ({unit}; default: {default}): {meaning}" in shown


def test_what_help_calls_a_default_is_the_default():
    """A default in the declaration is what a setting has that nobody sets."""
    settings = Settings()
    plain = {name: each for name, each in DEFAULTS.items() if isinstance(each, str | float | int)}

    assert plain == {name: getattr(settings, name) for name in plain}


@pytest.mark.parametrize("built", [CredicorpAuth, Settings])
def test_only_keywords_that_exist_are_taken(built):
    """A misspelt keyword names the nearest setting, and a position is no setting."""
    with pytest.raises(errors.InvalidSetting, match="'timeout'"):
        built(tiemout=3)
    with pytest.raises(TypeError):
        built("https://as.example")


def test_none_is_the_same_as_leaving_a_setting_out():
    """A value that a program could not determine leaves the default in place."""
    settings = Settings(timeout=None, scope=None, cache=None, transport_options=None)

    assert (10.0, "", "memory") == (settings.timeout, str(settings.scope), settings.cache)
    assert () == settings.transport_options.names


@pytest.mark.parametrize(
    "argument", ["name: no type.", "name (text): No default.", "name (text; none) No colon."]
)
def test_a_description_in_another_form_is_not_taken_for_none(argument):
    """What the page cannot show is an error, so that no setting drops out of it."""
    with pytest.raises(ValueError, match="name"):
        settings_page.read_arguments(f"Build.\n\n    Args:\n        {argument}\n")


def test_the_page_keeps_what_is_written_by_hand():
    """Only what stands between the marks is replaced."""
    page = settings_page.PAGE.read_text("utf-8")
    begin, end = "<!-- settings: written by tools/settings_page.py -->", "<!-- end of settings -->"
    before, after = page.partition(begin)[0], page.partition(end)[2]

    assert page == settings_page.build_page(f"{before}{begin}\nstale\n{end}{after}")
