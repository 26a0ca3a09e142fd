"""Launchers as a person starts them, but in the process of a test."""

import importlib
import signal
import sys
from unittest import mock

from absl import flags

from ws_jax import cli
from ws_jax.cli import main as runner
from ws_jax.cli import options


def launched(name, *args):
    """Runs a launcher with what is typed after its name; returns its exit status."""
    module, known = f"launch.{name}", set(flags.FLAGS)
    interrupt = signal.getsignal(signal.SIGINT)
    sys.modules.pop(module, None)  # its flags are defined when it is imported

    def run(guarded, flags_parser):
        guarded(flags_parser([module, *args]))

    try:
        main = importlib.import_module(module).main
        with (
            mock.patch.object(runner.app, "run", run),
            # Of the whole process: devices are asked for already, and the log is read.
            mock.patch.object(cli, "setup_jax"),
            mock.patch.object(runner, "set_up_log"),
        ):
            cli.run(main, takes_words=name == "status")
    except SystemExit as ended:
        return ended.code
    finally:
        signal.signal(signal.SIGINT, interrupt)
        options.overrides.clear()
        for flag in set(flags.FLAGS) - known:
            delattr(flags.FLAGS, flag)
        sys.modules.pop(module, None)
    raise AssertionError("a launcher ends with a status")
