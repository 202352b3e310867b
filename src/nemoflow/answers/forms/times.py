"""Whether two times of day, or two dates, are the same answer."""

from nemoflow.answers.forms.shapes import Day, Moment


def same_days(gold: Day, answer: Day) -> bool:
    """Whether they are the same; where one leaves out the year, any year."""
    return (gold.month, gold.day) == (answer.month, answer.day) and (gold.year == answer.year or None in (gold.year, answer.year))


def same_moments(gold: Moment, answer: Moment) -> bool:
    """Whether they are the same; where one leaves out `am` or `pm`, either."""
    if (gold.minute, gold.second) != (answer.minute, answer.second):
        return False
    if gold.half and answer.half and gold.half != answer.half:
        return False
    if bool(gold.half) != bool(answer.half):
        with_half, without = (gold, answer) if gold.half else (answer, gold)
        return without.hour in (with_half.hour, with_half.hour % 12 + (12 if with_half.half == "pm" else 0))
    return gold.hour == answer.hour
