"""How the help shows options: one long and one short name each, so that the help text fits into 80 columns."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from cryotools.cli.console import state

if TYPE_CHECKING:
    from collections.abc import Sequence

# names that still work but are no longer shown
RETIRED = frozenset({"--lean", "--least-correlation", "--least-gain"})


class Command(TyperCommand):
    """A command whose help names each option once; its other names follow the help text."""

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        """Parse the arguments, after registering the options that messages may name."""
        state.parameters = self.params
        return super().make_context(*arguments, **settings)

    def get_help_option(self, ctx: Any) -> Any:
        """`--help`, which is a switch and takes no value."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.metavar = ""
        return option

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line in standard notation: NAME is required, [NAME] optional."""
        return [
            piece.replace("{", "").replace("}", "").replace("......", "...")
            for piece in super().collect_usage_pieces(ctx)
        ]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help from a copy that has only the option names to show; the parser keeps all of them."""
        shown = copy.copy(self)
        shown.params = [_to_show(parameter) for parameter in self.params]
        super(Command, shown).format_help(ctx, formatter)


def _to_show(parameter: Any) -> Any:
    """The option with its first long and its first short name; the other names follow its help text.

    A switch that is on by default shows only the name that turns it off, the only one with an effect.
    """
    if parameter.param_type_name != "option":
        return parameter
    shown = copy.copy(parameter)
    if parameter.secondary_opts and parameter.default is True:
        shown.opts, shown.secondary_opts, shown.show_default = parameter.secondary_opts, [], False
        return shown
    names = [name for name in parameter.opts if name not in RETIRED]
    shown.opts = _first(names, long=True) + _first(names, long=False)
    others = [name for name in names if name not in shown.opts]
    if others:
        shown.help = f"{parameter.help} Also {', '.join(others)}."
    return shown


def _first(names: Sequence[str], *, long: bool) -> list[str]:
    return [name for name in names if name.startswith("--") == long][:1]
