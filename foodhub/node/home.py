"""Where a home is and what lies in it. Imports next to nothing: every command asks here first."""

import os
import time
from pathlib import Path

DATABASE = "foodhub.db"
BOOTSTRAP = "bootstrap_peers.toml"
_PACKAGED = Path(__file__).parent.parent / BOOTSTRAP


def default_home() -> Path:
    """Return the home that is used when none is named: `FOODHUB_HOME`, else the platform's folder for data."""
    named = os.environ.get("FOODHUB_HOME")
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("foodhub")


def now() -> int:
    """Return the time in ms since 1970 UTC."""
    return int(time.time() * 1000)


def bootstrap_file(home: Path) -> Path:
    """Return the file that names the first peers: the home's own, else the one that comes with foodhub."""
    own = home / BOOTSTRAP
    return own if own.exists() else _PACKAGED


def paths(home: Path) -> dict[str, Path]:
    """Return where everything of a home lies, whether it is there yet or not."""
    from platformdirs import user_state_path

    return {
        "home": home,
        "database": home / DATABASE,
        "keys": home / "keys",
        "live": home / "live.db",
        "log": home / "node.log",
        "state": user_state_path("foodhub"),
        "bootstrap": home / BOOTSTRAP,
    }
