"""A bar that fills up, for work whose end is known. It is drawn on a terminal alone, on one line."""

from foodhub.cli.call import Call

_WIDTH = 30


class Bar:
    """Shows how far a piece of work is; drawn again only when that looks different."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shown = ""

    def show(self, what: str, done: int = 0, total: int = 0) -> None:
        """Show what is being done, and `done` of `total`; without a total only what."""
        text = what
        if total > 0:
            share = min(done, total) / total
            full = int(_WIDTH * share)
            text = f"{what} {'#' * full}{'.' * (_WIDTH - full)} {int(100 * share)} %"
        if text != self._shown:
            self._shown = text
            self._call.progress(text)

    def clear(self) -> None:
        """Take the bar away."""
        if self._shown:
            self._shown = ""
            self._call.progress("")
