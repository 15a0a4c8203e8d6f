"""The options of commands that may write for a member who has no computer: for whom, and how it had said it."""

from collections.abc import Callable
from typing import Any

import click

from foodhub.cli.call import Call
from foodhub.cli.command import kept, option
from foodhub.errors import N_

MEANS = ("phone", "paper", "sms", "person")


def for_member(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--for` and `--by`, which are kept in the call."""
    return _for(N_("Write it for a member whom you represent."))(told_by(function))


def _for(text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds `--for` with this help to a command; it is kept in the call."""
    return option("--for", "for_name", metavar="NAME", expose_value=False, callback=kept("for_name"), help=text)


def about_producer(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--for` to a command that shows what is a producer's; it is kept in the call."""
    return _for(N_("Show what is for a producer whom you represent."))(function)


def for_owner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--for` where a mandate lets one write, and `--by`; both are kept in the call."""
    return _for(N_("Write it for a member of whom you hold a mandate, or whom you represent."))(told_by(function))


def told_by(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--by`, which is kept in the call."""
    return option(
        "--by",
        "told",
        type=click.Choice(MEANS),
        metavar="MEANS",
        expose_value=False,
        callback=kept("told"),
        help=N_("How it told you: phone, paper, sms or person."),
    )(function)


def told(call: Call) -> Any:
    """Return how whoever is written for had said it, "" where that was not said."""
    return call.told
