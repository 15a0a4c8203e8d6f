"""Which device of a member holds a right: handed over turn by turn, inherited where a holder was retired.

A pure function of the devices that count and of what they said below their limits. It always names one device.
"""

from collections.abc import Mapping, Sequence

from foodhub.circuit.record import DeviceState
from foodhub.circuit.statements import RIGHTS, Right

Handovers = Mapping[tuple[bytes, Right, int], Sequence[bytes]]
"""(device, right, turn) -> to whom that device hands that right for that turn, in the order of its log."""


def keepers(devices: Sequence[DeviceState], handovers: Handovers) -> dict[Right, bytes]:
    """Return the device that holds each right; `devices` are all of one member, in the order of their ranks."""
    if not (handovers or devices[0].retired):  # as with nearly every member
        return dict.fromkeys(RIGHTS, devices[0].device.signing)
    by_key = {state.device.signing: state for state in devices}
    return {right: _keeper(right, by_key, handovers) for right in RIGHTS}


def _keeper(right: Right, devices: Mapping[bytes, DeviceState], handovers: Handovers) -> bytes:
    holder = next(iter(devices))
    turn, passed = 0, {holder}
    # It ends: a turn is handed over once by each statement, and in between nobody inherits twice.
    while True:
        turn += 1
        given = next((to for to in handovers.get((holder, right, turn), ()) if to in devices), b"")
        if given:
            holder, passed = given, {given}
        elif inherits := _heir(devices, holder, passed):
            holder = inherits
            passed.add(inherits)
        else:
            return holder


def _heir(devices: Mapping[bytes, DeviceState], holder: bytes, passed: set[bytes]) -> bytes:
    """Return who takes over from a holder that was retired, b"" when it keeps what it holds."""
    state = devices[holder]
    if not state.retired:
        return b""
    if state.heir in devices and state.heir not in passed:
        return state.heir
    return next((key for key, other in devices.items() if not other.retired), b"")
