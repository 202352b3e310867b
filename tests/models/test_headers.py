import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.handmade import SIZES, encode, numbers, with_header, write

from nemoflow.errors import InputError
from nemoflow.models.headers import read_config, read_folder, read_header

SHAPES = st.lists(st.integers(0, 5), max_size=3).map(tuple)
TENSORS = st.dictionaries(
    st.text(min_size=1).filter(lambda name: name != "__metadata__"), st.tuples(st.sampled_from(sorted(SIZES)), SHAPES)
)


def refused(folder: Path, content: bytes, match: str) -> None:
    path = folder / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=match) as caught:
        read_header(path)
    assert str(path) in str(caught.value)


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> bytes:
    return json.dumps({"t": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()


@settings(deadline=None)
@given(TENSORS)
def test_names_dtypes_shapes_and_bytes_come_back_as_they_were_written(tmp_path_factory, tensors):
    path = tmp_path_factory.mktemp("t") / "x.safetensors"
    written = {name: numbers(dtype, shape) for name, (dtype, shape) in tensors.items()}
    write(path, written)
    found = read_header(path)
    assert {name: (tensor.dtype, tensor.shape, b"".join(tensor.chunks(3))) for name, tensor in found.items()} == written
    assert all(tensor.parameters == math.prod(tensor.shape) for tensor in found.values())


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_otherwise_than_with_an_error_that_names_the_file(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("t") / "x.safetensors"
    path.write_bytes(content)
    try:
        read_header(path)
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right


@settings(deadline=None)
@given(TENSORS.filter(bool), st.data())
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path_factory, tensors, data):
    content = encode({name: numbers(dtype, shape) for name, (dtype, shape) in tensors.items()})
    path = tmp_path_factory.mktemp("t") / "x.safetensors"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(InputError, match=r"x\.safetensors"):
        read_header(path)


def test_what_the_reference_library_writes_is_read(tmp_path):
    numpy = pytest.importorskip("numpy")
    library = pytest.importorskip("safetensors.numpy")
    library.save_file({"a": numpy.ones((2, 3), "float32"), "b": numpy.zeros(4, "float16")}, tmp_path / "x.safetensors", {"format": "pt"})
    found = read_header(tmp_path / "x.safetensors")
    assert {name: (tensor.dtype, tensor.shape) for name, tensor in found.items()} == {"a": ("F32", (2, 3)), "b": ("F16", (4,))}


def test_a_hostile_header_size_is_refused_before_memory_is_given_to_it(tmp_path):
    refused(tmp_path, (2**63).to_bytes(8, "little") + b"{}", "announce a header of 9223372036854775808")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "not a whole safetensors file"),
        (with_header(b"{nope"), "not valid JSON"),
        (with_header(b"[1]"), "a JSON list, an object was expected"),
        (with_header(b"[" * 100_000), "not valid JSON"),
        (with_header(b'{"t": 1}'), "'t' is described by 1"),
        (with_header(b'{"t": {}, "t": {}}'), "'t' occurs twice"),
        (with_header(b"\xef\xbb\xbf{}"), "BOM"),
        (with_header("{}".encode("utf-16-le")), "not valid JSON"),
        (with_header(b'{"t": NaN}'), "NaN is no JSON"),
        (with_header(b'{"\\uD800": {}}'), "not valid JSON"),
        (with_header(b'{"__metadata__": {"step": 3}}'), "opens none but strings"),
        (with_header(b'{"__metadata__": "pt"}'), "opens none but strings"),
        (with_header(entry(shape=[1 << 40, 1 << 40, 0], offsets=(0, 0))), "more numbers than 64 bits can count"),
        (with_header(entry(shape=[10**18] * 100_000 + [0], offsets=(0, 0))), "more numbers than 64 bits can count"),
        (with_header(entry(shape=[-2])), "whole numbers from 0 on"),
        (with_header(entry(offsets=[0])), "is described by"),
        (with_header(entry(dtype="F99"), bytes(8)), "dtype 'F99'; known are"),
        (with_header(entry(shape=[3]), bytes(8)), r"F32 \[3\] takes 12 bytes, its data_offsets hold 8"),
        (with_header(entry(shape=[10**18])), "takes 4000000000000000000 bytes"),
        (with_header(entry(offsets=(4, 12)), bytes(12)), "begins at byte .* a hole or an overlap"),
        (with_header(entry(), bytes(9)), "or with something behind it"),
    ],
)
def test_a_header_that_lies_is_named(tmp_path, content, match):
    refused(tmp_path, content, match)


def test_overlapping_tensors_are_refused(tmp_path):
    both = {name: {"dtype": "F32", "shape": [2], "data_offsets": [start, start + 8]} for name, start in (("a", 0), ("b", 4))}
    refused(tmp_path, with_header(json.dumps(both).encode(), bytes(12)), "'b' begins .* overlap")


def test_a_sharded_folder_is_read_through_its_index_alone(tmp_path):
    write(tmp_path / "one.safetensors", {"a": numbers("F32", (2,))})
    write(tmp_path / "two.safetensors", {"b": numbers("BF16", (3,))})
    write(tmp_path / "stray.safetensors", {"a": numbers("F32", (2,))})
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}))
    assert sorted(read_folder(tmp_path)) == ["a", "b"]


def test_a_tensor_in_two_files_is_refused(tmp_path):
    for name in ("one", "two"):
        write(tmp_path / f"{name}.safetensors", {"a": numbers("F32", (2,))})
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}))
    with pytest.raises(InputError, match=r"two\.safetensors: tensor 'a' is also in one\.safetensors"):
        read_folder(tmp_path)


@pytest.mark.parametrize("index", ["{}", "[]", "nope", '{"weight_map": {"a": "../../etc/passwd"}}', '{"weight_map": {"a": 1}}'])
def test_an_index_that_is_none_or_leads_outside_is_refused(tmp_path, index):
    (tmp_path / "model.safetensors.index.json").write_text(index)
    with pytest.raises(InputError, match=r"model\.safetensors\.index\.json"):
        read_folder(tmp_path)


def test_a_folder_or_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="holds no safetensors file"):
        read_folder(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_header(tmp_path / "x.safetensors")
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        read_config(tmp_path)


@pytest.mark.parametrize(("config", "match"), [("{", "not valid JSON"), ("{}", "no model_type"), ("[]", "no model_type")])
def test_a_model_config_without_a_type_is_refused(tmp_path, config, match):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match=match):
        read_config(tmp_path)


def test_one_whole_file_is_read_alone_whatever_lies_beside_it(tmp_path):
    write(tmp_path / "model.safetensors", {"a": numbers("F32", (2,))})
    write(tmp_path / "consolidated.safetensors", {"a": numbers("F32", (2,)), "b": numbers("F32", (2,))})
    assert sorted(read_folder(tmp_path)) == ["a"]


def test_shards_are_read_by_an_index_that_each_of_them_keeps(tmp_path):
    write(tmp_path / "one.safetensors", {"a": numbers("F32", (2,))})
    with pytest.raises(InputError, match=r"holds one\.safetensors, but neither model\.safetensors nor"):
        read_folder(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict.fromkeys("ab", "one.safetensors")}))
    with pytest.raises(InputError, match=r"names the tensor 'b', which one\.safetensors does not hold"):
        read_folder(tmp_path)


def test_weights_in_other_forms_are_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    for name, says in (
        ("pytorch_model.bin", r"there are PyTorch's own files \(.bin\)"),
        ("model-q4.gguf", "there are GGUF files, PyTorch's"),
    ):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(InputError, match=says):
            read_folder(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json: no such file.*there are GGUF files"):
        read_config(tmp_path)


def test_what_stands_in_the_place_of_a_models_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"meta-llama/Llama-3\.2-1B/config\.json: no such file.*names on a hub are not looked up"):
        read_config(Path("meta-llama/Llama-3.2-1B"))
    config = tmp_path / "config.json"
    config.write_text("[" * 100_000)
    with pytest.raises(InputError, match="not valid JSON"):
        read_config(tmp_path)
    with pytest.raises(InputError, match=r"config\.json: is a file; a model's folder"):
        read_config(config)
    config.unlink()
    config.mkdir()
    with pytest.raises(InputError, match="Is a directory"):
        read_config(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match=r"holds adapter_config\.json; that is an adapter"):
        read_config(tmp_path)
