"""What a person sees while a sweep trains."""

import numpy as np
import pytest
import tqdm

from ws_jax.engine import progress as module
from ws_jax.engine.progress import Progress

WIDEST = "group 100/100 chunk 100/100 epoch 1000/1000 val acc 0.9876 999h59m left"


@pytest.mark.parametrize(
    "watched, value, columns, want",
    [
        ("val_acc", 0.9876, 80, f"{WIDEST} |"),
        ("val_acc", 0.9876, 120, f"{WIDEST} |"),
        ("val_acc", np.nan, 80, WIDEST.replace("0.9876", "nan")),
        ("val_top5", 0.9876, 80, WIDEST.replace("acc", "t..")),
        ("val_error", -12345.6, 80, WIDEST.replace("val acc 0.9876 ", "")),
        ("val_an_error_of_ones_own", 0.9876, 80, WIDEST.replace("acc", "a..")),
        ("val_an_error_of_ones_own", 0.9876, 120, "val an error of ones own 0.9876"),
        ("val_acc", 0.9876, 65, WIDEST.replace("val acc 0.9876 ", "")),
    ],
)
def test_a_bar_tells_all_within_a_terminal(
    watched, value, columns, want, monkeypatch, capsys
):
    monkeypatch.setattr(module, "bar_wanted", lambda: True)
    monkeypatch.setattr(
        tqdm.std, "_screen_shape_wrapper", lambda: lambda file: (columns, 24)
    )
    times = iter([0.0, 0.0, 0.0, *[3603.6] * 9])  # an epoch takes an hour
    progress = Progress(clock=lambda: next(times))
    progress.plan({str(group): 1000 * (group == 99) for group in range(100)}, 1)
    progress.begin("99", 99, 100)
    progress.update("99", 1000, 1000, 1, (watched, np.array([value])), 0)
    progress.close()
    line = capsys.readouterr().err.rpartition("\r")[2].rstrip()
    assert want in line and line.endswith("%") and len(line) <= columns
