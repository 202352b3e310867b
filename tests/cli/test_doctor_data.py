import json

import pytest
from tests.steps.alone import write_lines
from tests.training.tiny import example, puzzles

from nemoflow.cli.main import main
from nemoflow.training.tokenizer import build_tokenizer

ROWS = [example(problem) for problem in puzzles(3)]


@pytest.fixture
def says(tmp_path, capsys):
    build_tokenizer([]).save_pretrained(tmp_path / "model")

    def run(*args):
        code = 0
        try:
            main(["doctor", "data", *map(str, args), "--model", str(tmp_path / "model")])
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_sound_corpus_is_shown_with_what_is_learned(tmp_path, says):
    code, out, _ = says(write_lines(tmp_path / "corpus.jsonl", ROWS), "--length", 1000)
    assert code == 0
    assert out.count("  learned ") == 3
    assert out.endswith("6 of 6 rows would be trained on as evaluation asks\n")


def test_a_wrong_row_a_row_of_something_else_and_no_rows_end_with_2(tmp_path, says):
    wrong = ROWS[1].model_copy(update={"response": ROWS[1].response + " Done."})
    code, _, err = says(write_lines(tmp_path / "corpus.jsonl", [ROWS[0], wrong]))
    assert (code, f"row 2 ({wrong.id}): after-box: ' Done.' behind the box" in err) == (2, True)
    (tmp_path / "other.jsonl").write_text(json.dumps({"question": "x"}) + "\n")
    code, _, err = says(tmp_path / "other.jsonl")
    assert (code, "row 1: " in err, "rows of a corpus" in err) == (2, True, True)
    (tmp_path / "none.jsonl").write_text("")
    assert says(tmp_path / "none.jsonl")[0] == 2
    code, _, err = says(write_lines(tmp_path / "long.jsonl", ROWS), "--length", 10)
    assert (code, "all 6 rows are over --length (10 tokens)" in err) == (2, True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", {}),
        ("tokenizer_config.json", []),
        ("tokenizer_config.json", {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["tokens.Own", None]}}),
    ],
)
def test_a_tokenizer_that_cannot_be_read_ends_with_2(tmp_path, says, name, content):
    (tmp_path / "model" / name).write_text(json.dumps(content))
    code, _, err = says(write_lines(tmp_path / "corpus.jsonl", ROWS))
    assert (code, f"{tmp_path / 'model'}: its tokenizer cannot be read: " in err) == (2, True), err


def test_a_folder_without_a_tokenizer_is_named(tmp_path, says):
    corpus = write_lines(tmp_path / "corpus.jsonl", ROWS)
    (tmp_path / "model" / "tokenizer.json").unlink()
    code, _, err = says(corpus)
    assert (code, "holds no tokenizer.json" in err) == (2, True)
