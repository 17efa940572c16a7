"""A Logs Ingestion endpoint on this machine, so that everything runs with no subscription and no network.

It answers as the service does, with tokens, a data collection rule and tables of its own. What nobody has
published about the service is marked in the code where it is assumed.
"""

try:
    from dcrlog.emulator.answers import EmulatorError
    from dcrlog.emulator.emulator import Emulator
    from dcrlog.emulator.fault import Fault
except ModuleNotFoundError as error:
    message = f"the emulator needs {error.name!r}: pip install 'dcrlog[tools]'."
    raise ModuleNotFoundError(message, name=error.name) from None

__all__ = ["Emulator", "EmulatorError", "Fault"]
