"""Where a node looks for its first peers when it knows none: the addresses of `bootstrap_peers.toml`."""

import tomllib
from pathlib import Path

from foodhub.errors import N_, UsageError
from foodhub.node.home import bootstrap_file


def bootstrap_peers(home: Path, named: Path | None = None) -> list[str]:
    """Return the addresses of `bootstrap_peers.toml`: the named file, else the home's, else the packaged one.

    Raises:
        UsageError: the named or the home's file can't be read.
    """
    path = named or bootstrap_file(home)
    try:
        peers = tomllib.loads(path.read_text("utf-8")).get("peers", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            "bad_bootstrap",
            N_("{path} can't be read: {reason}."),
            N_('Write: peers = ["/ip4/…/tcp/…/p2p/…"]'),
            path=str(path),
            reason=str(error),
        ) from None
    if not isinstance(peers, list) or not all(isinstance(peer, str) for peer in peers):
        raise UsageError(
            "bad_bootstrap",
            N_("{path} holds no list of peers."),
            N_('Write: peers = ["/ip4/…/tcp/…/p2p/…"]'),
            path=str(path),
        )
    return list(peers)
