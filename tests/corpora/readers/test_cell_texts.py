from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from tandem.corpora.readers.cell_texts import cell_text, is_moment


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("None", "None"),
        (" as is\u0085", " as is\u0085"),
        (34.0, "34"),
        (34, "34"),
        (-0.0, "0"),
        (2.3, "2.3"),
        (1e-7, "1e-07"),
        (4012888888881881.0, "4012888888881881"),
        (1.5e300, "1.5e+300"),
        (True, "TRUE"),
        (False, "FALSE"),
        (date(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2, 3, 4), "2020-01-02T03:04:00"),
        (time(3, 4, 5), "03:04:05"),
        (timedelta(hours=30, seconds=5), "30:00:05"),
        (-timedelta(minutes=1), "-0:01:00"),
    ],
)
def test_cell_text(value: object, text: str) -> None:
    assert cell_text(value) == text


def test_moments_are_dates_times_and_durations() -> None:
    assert all(map(is_moment, (date.min, datetime.min, time.min, timedelta.min)))
    assert not any(map(is_moment, ("2020-01-02", 1.0, True, None)))
