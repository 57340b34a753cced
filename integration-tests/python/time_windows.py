"""Windows of time by Python's zoneinfo, against those of larder-partitions.

Arguments: the version of the time zone data, and the zone. Input: for each schedule a line `= minutes hours days every_hour start
end`, then its windows as `key start end`, in seconds since 1970. Prints how many windows were the same.

What a schedule means is written here a second time, one day after the other, with nothing but `datetime` and `zoneinfo`.
"""

import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, reset_tzpath

import tzdata

# The system's data may be of another year.
reset_tzpath(to=[])
EPOCH = datetime(1970, 1, 1)


def seconds(naive, offset):
    return (naive - EPOCH - offset) // timedelta(seconds=1)


def clock(zone, second):
    """What the clock shows, without the zone."""
    return datetime.fromtimestamp(second, timezone.utc).astimezone(zone).replace(tzinfo=None)


def offset(zone, second):
    return datetime.fromtimestamp(second, timezone.utc).astimezone(zone).utcoffset()


def offsets(zone, naive):
    """The offsets with which the clock shows a time: none in a gap, two where it comes twice."""
    first, second = (naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first == second:
        return [first]
    # From the clock to the instant zoneinfo is wrong where only the name of an offset changed (Nuuk, 2023-10-28T23:30); the
    # way back is right.
    return [offset for offset in (first, second) if clock(zone, seconds(naive, offset)) == naive]


def is_skipped(zone, naive):
    return not offsets(zone, naive)


def end_of_gap(zone, naive):
    """The instant at which the clock passed over a time."""
    first, second = (naive.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    low, high = seconds(naive, second), seconds(naive, first)
    while offset(zone, low) != first:
        low -= 3600
    while offset(zone, high) != second:
        high += 3600
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(zone, middle) == first else (low, middle)
    return high


def fits(day, rule):
    kind, _, numbers = rule.partition(":")
    numbers = [int(number) for number in numbers.split(",") if number]
    if kind == "all":
        return True
    if kind == "month":
        return day.day in numbers
    return (day.weekday() + 1) % 7 in numbers


def suffix(delta):
    total = int(delta.total_seconds())
    sign, total = ("-", -total) if total < 0 else ("+", total)
    return f"{sign}{total // 3600:02}:{total // 60 % 60:02}"


def boundaries(zone, minutes, hours, rule, every_hour, start, end):
    times = [timedelta(hours=hour, minutes=minute) for hour in hours for minute in minutes]
    found, moved = {}, {}
    day = start - timedelta(days=3)
    while day <= end + timedelta(days=40):
        midnight = datetime(day.year, day.month, day.day)
        for time in times if fits(day, rule) else []:
            naive = midnight + time
            shown = offsets(zone, naive)
            name = day.isoformat() if len(times) == 1 and not every_hour else naive.isoformat(timespec="minutes")
            if shown:
                found[seconds(naive, shown[0])] = name
                if len(shown) > 1 and every_hour:
                    found[seconds(naive, shown[1])] = name + suffix(shown[1])
            elif not every_hour:
                if is_skipped(zone, midnight) and is_skipped(zone, midnight + timedelta(hours=23, minutes=59, seconds=59)):
                    continue
                at = end_of_gap(zone, naive)
                moved[at] = name if len(times) == 1 else clock(zone, at).isoformat(timespec="minutes")
        day += timedelta(days=1)
    return sorted((moved | found).items())


def instant_of(zone, day):
    """The first instant at or after the midnight that a date begins with."""
    naive = datetime(day.year, day.month, day.day)
    shown = offsets(zone, naive)
    return seconds(naive, shown[0]) if shown else end_of_gap(zone, naive)


def expected(zone, header):
    minutes, hours, rule, every_hour, start, end = header
    start, end = date.fromisoformat(start), date.fromisoformat(end)
    numbers = [[int(number) for number in text.split(",")] for text in (minutes, hours)]
    all_of_them = boundaries(zone, *numbers, rule, every_hour == "true", start, end)
    begin, over = instant_of(zone, start), instant_of(zone, end)
    points = [(at, name) for at, name in all_of_them if at >= begin]
    return [f"{name} {at} {then}" for (at, name), (then, _) in zip(points, points[1:]) if then <= over]


def main():
    version, name = sys.argv[1:]
    assert tzdata.IANA_VERSION == version, f"zoneinfo has {tzdata.IANA_VERSION}, jiff has {version}"
    zone = ZoneInfo(name)
    count = 0
    for block in sys.stdin.read().split("= ")[1:]:
        header, *given = block.rstrip("\n").split("\n")
        wanted = expected(zone, header.split(" "))
        for place, (one, other) in enumerate(zip(given, wanted)):
            assert one == other, f"{name}, {header}: window {place} is `{one}`, and by zoneinfo `{other}`"
        assert len(given) == len(wanted), f"{name}, {header}: {len(given)} windows, and by zoneinfo {len(wanted)}"
        # Each begins where the one before ended.
        ends = [line.split(" ")[1:] for line in given]
        assert all(before[1] == after[0] for before, after in zip(ends, ends[1:])), f"{name}, {header}: a gap or an overlap"
        count += len(given)
    print(count)


main()
