"""What is said while a command works."""

import io
import json
import sys
import time

import pytest
from click.testing import CliRunner

from simcore import forecast, jit
from simcore.cli import main, ticker
from tests.test_cli import TINY


@pytest.mark.parametrize("terminal", [False, True])
def test_compiling_is_told(monkeypatch, terminal):
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(ticker, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(ticker, "_COMPILING_SECONDS", 0.05)
    for compiling in (False, True):
        monkeypatch.setattr(jit, "compiling", lambda compiling=compiling: compiling)
        with ticker.Ticker("study") as progress:
            time.sleep(0.4)
            progress(1, 2, None)
        assert (stream.getvalue().count("study: compiling kernels (once for each version)") >= 1) == compiling
    assert terminal or stream.getvalue().count("compiling") == 1


def test_a_plan_says_so_too(monkeypatch, tmp_path):
    (tmp_path / "study.toml").write_text(TINY)
    monkeypatch.setattr(ticker, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(ticker, "_COMPILING_SECONDS", 0.02)
    monkeypatch.setattr(jit, "compiling", lambda: True)
    monkeypatch.setattr(forecast, "forecast", lambda *_: time.sleep(0.5) or {"refused": None})
    monkeypatch.setattr(forecast, "sentences", lambda *_: [])
    done = CliRunner().invoke(main, ["plan", str(tmp_path / "study.toml"), "--json"])
    assert done.exit_code == 0 and done.stderr == "plan tiny: compiling kernels (once for each version)\n"
    assert json.loads(done.stdout) == {"refused": None}


def test_what_was_there_is_told_apart_from_what_is_new(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with ticker.Ticker("study") as progress:
        assert progress.idle
        progress(1001, 1002, None)
        progress(1002, 1002, None)
    assert stream.getvalue() == "study: 2 of 2 new blocks, 1,000 were there, 0 s\n" and not progress.idle
    with pytest.raises(ValueError, match="gone"), ticker.Ticker("study") as progress:
        progress(1, 2, None)
        raise ValueError("gone")
    assert stream.getvalue().endswith("study: 1 of 2 blocks are stored\n")


def test_what_is_compiled_counts_as_such(monkeypatch):
    class Seen(list):
        most = 0

        def append(self, own):
            super().append(own)
            self.most = max(self.most, len(self))

    jit.compiled(lambda x: x + 1.0)(1.0)
    monkeypatch.setattr(jit, "_passes", Seen())
    function = jit.compiled(lambda x: x + 1.0)
    assert not jit.compiling() and not jit._passes.most
    function(1.0)
    assert jit._passes.most and not jit.compiling()
    jit._passes.most = 0
    function(2.0)
    assert not jit._passes.most
