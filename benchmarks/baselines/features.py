"""A chart as one row of plain columns, for models without any sense of sequence.

Per key: how often in the last 30 days, from 30 to 365, before, and how recent the last one is. Per number: last,
least, greatest, mean, slope a year and count, over three years (the last one ever). Age, sex, length of history,
active days and events of the last year. Missing numbers are NaN; a key that never came has recency 0.
"""

import numpy as np

WINDOWS = (30, 365)
NUMBER_DAYS = 3 * 365
# Recency of a key is this minus the days since, so that "never" (0) lies beyond any "long ago".
LONG_AGO = 50_000
PLAIN = ["age", "female", "history years", "active days 1y", "events 1y"]


def names(words):
    """Column names, in order."""
    per_key = [f"{key} {what}" for what in ("30d", "1y", "before", "recency") for key in words.keys]
    per_number = [
        f"{number} {what}" for what in ("last", "least", "greatest", "mean", "slope", "count") for number in words.numbers
    ]
    return PLAIN + per_key + per_number


def features(rows, charts, sex, words):
    """Rows by columns, float32."""
    keys, numbers = len(words.keys), len(words.numbers)
    table = np.zeros((len(rows), len(PLAIN) + 4 * keys + 6 * numbers), np.float32)
    per_key = table[:, len(PLAIN) : len(PLAIN) + 4 * keys].reshape(len(rows), 4, keys)
    per_number = table[:, len(PLAIN) + 4 * keys :].reshape(len(rows), 6, numbers)
    for place, (patient, day) in enumerate(zip(rows.patient, rows.day)):
        chart = charts.get(patient)
        until = chart.until(day) if chart else 0
        age = (day + 1) / 365.25
        if not until:
            table[place, : len(PLAIN)] = age, sex[patient] == "female", 0, 0, 0
            per_number[place, :5] = np.nan
            continue
        days, key = chart.day[:until], chart.key[:until]
        month, year, window = (np.searchsorted(days, day - back, side="right") for back in (*WINDOWS, NUMBER_DAYS))
        active = len(np.unique(days[year:]))
        table[place, : len(PLAIN)] = age, sex[patient] == "female", (day - days[0]) / 365.25, active, until - year
        for which, part in enumerate((slice(month, until), slice(year, month), slice(0, year))):
            found = key[part]
            per_key[place, which] = np.bincount(found[found >= 0], minlength=keys)
        known = key >= 0
        # Later events overwrite earlier ones: the last day of each key stays.
        per_key[place, 3, key[known]] = LONG_AGO - (day - days[known])
        _numbers(per_number[place], chart, until, window, day)
    return table


def _numbers(cells, chart, until, window, day):
    """The six columns of every number, of one row."""
    last, least, greatest, mean, slope, count = cells
    cells[:5] = np.nan
    measured = chart.number[:until] >= 0
    last[chart.number[:until][measured]] = chart.value[:until][measured]
    part = slice(window, until)
    measured = chart.number[part] >= 0
    which, value = chart.number[part][measured], chart.value[part][measured].astype(np.float64)
    if not len(which):
        return
    when = (chart.day[part][measured] - day) / 365.25
    n = np.bincount(which, minlength=len(count))
    some = n > 0
    total = np.bincount(which, value, len(count))
    count[:] = n
    mean[some] = (total / np.maximum(n, 1))[some]
    least[some], greatest[some] = np.inf, -np.inf
    np.minimum.at(least, which, value.astype(np.float32))
    np.maximum.at(greatest, which, value.astype(np.float32))
    centre = np.bincount(which, when, len(count)) / np.maximum(n, 1)
    spread = np.bincount(which, (when - centre[which]) ** 2, len(count))
    together = np.bincount(which, (when - centre[which]) * value, len(count))
    steady = spread > 1e-3
    slope[steady] = together[steady] / spread[steady]
