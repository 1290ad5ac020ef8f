"""What the wizard's keyring answers in a session of its own, step by step, as JSON: ``python -m``, in a secret service.

Its argument is the number of the keyring's process, which is stopped and killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import secretstorage
from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_method_call, new_method_return  # type: ignore[import-untyped]
from jeepney.io.blocking import Proxy, open_dbus_connection  # type: ignore[import-untyped]
from jeepney.wrappers import unwrap_msg  # type: ignore[import-untyped]

from tests.support.secret_service import PASSWORD
from vestige_tui.core.secret import Secret
from vestige_tui.screens.keyring_answer import KeyringAnswer
from vestige_tui.user.credentials import Keyring

SHORT = 0.3
"""Seconds for a keyring that will not answer."""


class Prompter(Thread):
    """Takes requests for a prompt, shows none, and never answers. ``prompts`` counts them."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.prompts = 0
        self._bus = open_dbus_connection()
        Proxy(message_bus, self._bus).RequestName("org.gnome.keyring.SystemPrompter")

    def run(self) -> None:
        while True:
            try:
                message = self._bus.receive()
            except OSError:
                return
            if message.header.message_type is MessageType.method_call:
                self.prompts += message.header.fields[HeaderFields.member] == "BeginPrompting"
                self._bus.send(new_method_return(message))

    def go_away(self) -> None:
        """End like a program whose window was closed."""
        self._bus.sock.shutdown(2)


def unlock() -> None:
    """Open the keyring without a prompt, by a call that gnome-keyring has for that."""
    with open_dbus_connection() as bus:

        def call(interface: str, method: str, signature: str, body: tuple[object, ...]) -> Any:
            address = DBusAddress("/org/freedesktop/secrets", "org.freedesktop.secrets", interface)
            return unwrap_msg(bus.send_and_get_reply(new_method_call(address, method, signature, body)))

        _, session = call("org.freedesktop.Secret.Service", "OpenSession", "sv", ("plain", ("s", "")))
        secret = (session, b"", PASSWORD, "text/plain")
        internal = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface"
        collection = "/org/freedesktop/secrets/collection/login"
        call(internal, "UnlockWithMasterPassword", "o(oayays)", (collection, secret))


def main(daemon: int) -> dict[str, object]:
    """Everything that a visit can meet."""
    passwords, hasty = Keyring(), Keyring(SHORT)
    said: dict[str, object] = {}

    def ask(step: str, *questions: Callable[[], KeyringAnswer | None]) -> None:
        said[step] = [answer.state.name if (answer := question()) is not None else None for question in questions]

    def get() -> KeyringAnswer:
        return passwords.get("a")

    ask("open", passwords.unsuitable, get, lambda: passwords.set("a", Secret("one")), get)
    ask("replaced", lambda: passwords.set("a", Secret("two")), get)
    said["kept"] = passwords.get("a") == KeyringAnswer(get().state, Secret("two"))
    ask("another", lambda: passwords.get("b"), lambda: passwords.forget("b"))
    secretstorage.Collection(secretstorage.dbus_init()).lock()
    ask(
        "locked", passwords.unsuitable, get, get, lambda: passwords.forget("a"), lambda: passwords.set("a", Secret("3"))
    )

    prompter = Prompter()
    prompter.start()
    ask("waiting", lambda: hasty.get("a"), lambda: hasty.get("b"), lambda: hasty.set("a", Secret("3")))
    said["prompts"] = prompter.prompts
    prompter.go_away()
    second = Prompter()
    second.start()
    hasty._seconds = passwords._seconds
    ask("dismissed", lambda: hasty.get("a"))
    unlock()
    ask("unlocked elsewhere", lambda: hasty.get("a"), lambda: hasty.forget("a"), lambda: hasty.get("a"))
    said["prompts at last"] = prompter.prompts + second.prompts

    os.kill(daemon, signal.SIGSTOP)
    stopped = Keyring(SHORT)
    ask("stopped", lambda: stopped.get("a"), lambda: stopped.set("a", Secret("4")))
    os.kill(daemon, signal.SIGCONT)
    stopped._seconds = passwords._seconds
    ask("going on", lambda: stopped.get("a"))
    os.kill(daemon, signal.SIGKILL)
    began = time.monotonic()
    ask("killed", get, lambda: passwords.set("a", Secret("5")), lambda: passwords.forget("a"))
    said["killed at once"] = time.monotonic() - began < passwords._seconds
    return said


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]))), flush=True)
    os._exit(0)  # the question to the stopped keyring may still wait
