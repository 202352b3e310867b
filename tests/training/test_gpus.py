import sysconfig

import pytest
import torch

from nemoflow.errors import ConfigError
from nemoflow.training.gpus import need_compiler


def test_a_gpu_without_what_triton_compiles_with_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    need_compiler()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(ConfigError, match="a C compiler"):
        need_compiler()
    monkeypatch.setenv("CC", "cc")
    monkeypatch.setattr(sysconfig, "get_path", lambda *name: str(tmp_path))
    with pytest.raises(ConfigError, match=r"Python\.h"):
        need_compiler()
    (tmp_path / "Python.h").touch()
    need_compiler()
