"""Fuzzing for as long as somebody has patience: `python -m tests.fuzz.soak [SECONDS] [NAME ...]`.

It is what `make soak` runs. Each decoder gets its seconds in a process of its own. Where atheris is installed, the
inputs are led by which lines of foodhub they reach; what they found stays in `build/fuzz` for the next time. Without it
chance alone leads.
"""

import importlib
import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "fuzz"
SECONDS = 60
LONGEST = 70_000
"""Bytes of an input: a payload is 64 KiB at most, and what may be longer is checked by its size before all else."""


def main(seconds: int, names: list[str]) -> int:
    """Fuzz the decoders with these names, or all; return how many broke."""
    from tests.fuzz.table import DECODERS

    led = importlib.util.find_spec("atheris") is not None
    if not led:
        say("atheris is not installed here: inputs are led by chance alone, not by what they reach.")
    chosen = [name for name in DECODERS if not names or any(part in name for part in names)]
    return sum(not child("led" if led else "blind", name, seconds) for name in chosen)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def child(how: str, name: str, seconds: int) -> bool:
    """Fuzz one decoder in a process of its own; say how it went, and the whole story if it broke."""
    command = [sys.executable, "-m", "tests.fuzz.soak", how, name, str(seconds)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    inputs = re.findall(r"Done (\d+) ", done.stdout)
    say(f"{name:22} {inputs[-1] + ' inputs, ok' if inputs and not done.returncode else 'BROKE'}")
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if not line.startswith(("INFO", "WARNING"))]
        say("\n".join(lines[-60:]))
    return done.returncode == 0


def led(name: str, seconds: int) -> None:
    """Fuzz one decoder with atheris; ends the process, with a status that says whether it broke."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["foodhub"]):
        from tests.fuzz.table import DECODERS
    decoder = DECODERS[name]
    folder = FOUND / name.replace(" ", "_")
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(decoder.seeds()):
        (folder / f"seed-{number}").write_bytes(data)

    def neighbour(data: bytes, most: int, seed: int) -> bytes:
        chance = Random(seed)
        kind = chance.randrange(6)
        if kind < 2:
            mutated: bytes = atheris.Mutate(data, most)
            return mutated
        return (decoder.mutate(chance, data) if kind < 5 else decoder.draw(chance))[:most]

    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-artifact_prefix={FOUND}/broke-", "-timeout=60"]
    atheris.Setup(["soak", str(folder), *options], decoder.check, custom_mutator=neighbour)
    atheris.Fuzz()


def blind(name: str, seconds: int) -> None:
    """Fuzz one decoder by chance alone."""
    from tests.fuzz.table import DECODERS

    decoder, count, end = DECODERS[name], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = decoder.draw(Random(f"{time.time_ns()} {count}"))
        try:
            decoder.check(data)
        except BaseException:
            FOUND.mkdir(parents=True, exist_ok=True)
            (FOUND / f"broke-{name.replace(' ', '_')}").write_bytes(data)
            say(f"input of {len(data)} bytes: {data[:2000].hex()}")
            raise
        count += 1
    say(f"Done {count} inputs")


if __name__ == "__main__":
    arguments: list[Any] = sys.argv[1:]
    if arguments[:1] in (["led"], ["blind"]):
        {"led": led, "blind": blind}[arguments[0]](arguments[1], int(arguments[2]))
    else:
        given = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else SECONDS
        sys.exit(1 if main(given, arguments) else 0)
