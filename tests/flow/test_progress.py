import io

from nemoflow.flow.progress import Bar, Lines, progress_for


def test_a_log_gets_few_lines_with_count_rate_and_what_is_left():
    now = [0.0]
    stream = io.StringIO()
    lines = Lines(stream, every_s=10, clock=lambda: now[0])
    lines.start("train", 100)
    for _ in range(25):
        now[0] += 1
        lines.advance(1, loss=0.51234, state="ok")
    assert stream.getvalue().splitlines() == [
        "    train: 10 of 100 (1.0/s, 90 s left)  loss 0.5123  state ok",
        "    train: 20 of 100 (1.0/s, 80 s left)  loss 0.5123  state ok",
    ]
    lines.note("said")
    assert stream.getvalue().endswith("    said\n")


def test_an_unknown_total_shows_the_count_alone():
    now, stream = [0.0], io.StringIO()
    lines = Lines(stream, every_s=1, clock=lambda: now[0])
    lines.start("rows")
    now[0] = 2.0
    lines.advance(8)
    assert stream.getvalue() == "    rows: 8 (4.0/s)\n"


def test_a_bar_counts_and_leaves_notes_behind():
    stream = io.StringIO()
    bar = Bar(stream)
    bar.note("before")
    bar.start("x", 3)
    bar.advance(2, loss=1.0)
    bar.note("during")
    bar.stop()
    assert "before" in stream.getvalue()
    assert "during" in stream.getvalue()


def test_a_stream_that_is_no_terminal_gets_lines():
    assert isinstance(progress_for(io.StringIO()), Lines)
