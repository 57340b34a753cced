"""Writes goldens.txt: pickles that CPython makes of plain data, each with a description of what it holds.

Run it as `python3 make_goldens.py > goldens.txt`. A line is: name, protocol, pickler, description, pickle in hex. The
pickler is c (the C one), py (the one in pure Python), opt (c, through pickletools.optimize) or hand (written by hand
after what older Pythons write).
"""

import collections
import datetime as d
import pickle
import pickletools
import struct


def describe(x):
    """Says what a value is, types included; `describe` in tests.rs says the same."""
    if x is None or x is True or x is False:
        return repr(x)
    kind = type(x)
    if kind is int:
        return f"int:{x}"
    if kind is float:
        return "float:" + struct.pack(">d", x).hex()
    if kind is str:
        return "str:" + x.encode().hex()
    if kind in (bytes, bytearray):
        return f"{kind.__name__}:{x.hex()}"
    if kind is list:
        return "[" + ",".join(map(describe, x)) + "]"
    if kind is tuple:
        return "(" + ",".join(map(describe, x)) + ")"
    if kind in (set, frozenset):
        return kind.__name__ + "{" + ",".join(sorted(map(describe, x))) + "}"
    if kind in (dict, collections.OrderedDict):
        return "{" + ",".join(f"{describe(k)}={describe(v)}" for k, v in x.items()) + "}"
    if kind in (d.datetime, d.time):
        return f"{kind.__name__}:{x.isoformat()}" + ("[fold=1]" if x.fold else "")
    if kind is d.date:
        return "date:" + x.isoformat()
    if kind is d.timedelta:
        return f"timedelta:{x // d.timedelta(microseconds=1)}"
    if kind is d.timezone:
        return f"timezone:{x.utcoffset(None) // d.timedelta(microseconds=1)}"
    raise TypeError(kind)


def values():
    shared = ["shared"]
    east = d.timezone(d.timedelta(hours=5, minutes=30))
    yield "none", None
    yield "bools", [True, False]
    for n in (0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**127 - 1, 2**127):
        yield f"int_{n}", n
        yield f"int_-{n}", -n
    yield "int_u128_max", 2**128 - 1
    yield "floats", [0.0, -0.0, 1.5, -2.25e300, 1e16, 5e-324, float("inf"), float("-inf")]
    yield "nan", float("nan")
    yield "str_empty", ""
    yield "str", "a\nb\\c\0\r\x1a\t'\"\x80\xff\u20ac\U0001f600 \\u0041"
    yield "str_long", "long " * 60
    yield "bytes_empty", b""
    yield "bytes", bytes(range(256))
    yield "bytearray_empty", bytearray()
    yield "bytearray", bytearray(b"\0a\xff\n")
    yield "list_empty", []
    yield "list", [1, "two", [3.0, [None]]]
    yield "tuples", [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((1, (2,)), [])]
    yield "sets", [set(), {1, 2, "x"}, {(1, 2), None}]
    yield "frozensets", [frozenset(), frozenset({1, 2}), {frozenset({1}), frozenset()}]
    yield "dict_empty", {}
    yield "dict", {"a": 1, 2: "b", None: [], (1, "x"): {}, b"k": {}, 1.5: (), True: 0, d.date(2024, 1, 2): 1}
    yield "ordered", collections.OrderedDict([("z", 1), ("a", [2]), (3, collections.OrderedDict())])
    yield "shared", [shared, shared, {"k": shared}, (shared, shared)]
    yield "nested", {"rows": [{"id": i, "tags": {"a", "b"}, "at": (i, i + 0.5)} for i in range(3)]}
    yield "datetimes", [
        d.datetime(2024, 1, 2, 3, 4, 5, 678901),
        d.datetime(1, 1, 1),
        d.datetime(9999, 12, 31, 23, 59, 59, 999999),
        d.datetime(2024, 2, 29, tzinfo=d.timezone.utc),
        d.datetime(2024, 2, 29, 1, tzinfo=east),
        d.datetime(2024, 2, 29, 1, tzinfo=east),
        d.datetime(1900, 1, 1, tzinfo=d.timezone(-d.timedelta(hours=3, seconds=7, microseconds=9))),
        d.datetime(2024, 1, 1, tzinfo=d.timezone(d.timedelta(hours=1), "named")),
        d.datetime(2024, 11, 3, 1, 30, fold=1),
    ]
    yield "dates", [d.date(2024, 1, 2), d.date(1, 1, 1), d.date(9999, 12, 31)]
    yield "times", [d.time(), d.time(1, 2, 3), d.time(23, 59, 59, 999999, east), d.time(1, fold=1)]
    yield "timedeltas", [d.timedelta(), d.timedelta(1, 2, 3), d.timedelta(-1), d.timedelta.max, d.timedelta.min]
    yield "timezones", [d.timezone.utc, east, d.timezone(d.timedelta(hours=-23, minutes=-59), "far")]


BY_HAND = {
    "py2_str": b"(lp0\nS'a\\'b\\\\\\n'\np1\naU\x02xyaT\x03\0\0\0abcaS\"q'\"\na.",
    "py2_ordered": b"\x80\x02ccollections\nOrderedDict\nq\0]q\x01(]q\x02(U\x01aK\x01e]q\x03(U\x01bK\x02ee\x85q\x04Rq\x05.",
    "py2_bytearray": b"\x80\x02c__builtin__\nbytearray\nq\0X\x03\0\0\0a\xc3\xbfq\x01X\x07\0\0\0latin-1q\x02\x86q\x03Rq\x04.",
    "text_state": b"\x80\x02cdatetime\ndatetime\nX\x0b\0\0\0\x07\xc3\xa8\x01\x02\x03\x04\x05\0\0\x06\x85R.",
    "mark_dict": b"(S'a'\nI1\nS'b'\nL-2L\nd.",
    "memo_text": b"]p40000\n0g40000\n.",
    "pop_and_dup": b"](K\x01K\x021(0K\x04a2a0N0].",
    "inst": b"(lp0\n(icollections\nOrderedDict\np1\na.",
    "obj": b"(c__builtin__\nset\n]K\x01ao.",
    "build_nothing": b"ccollections\nOrderedDict\n)RNb}b.",
    "duplicates": b"}(K\x01U\x01aK\x02U\x01bK\x01U\x01cu.",
    "duplicates_kinds": b"}(\x88N" b"G\x3f\xf0\0\0\0\0\0\0K\x07K\x01K\x08\x89K\x09K\0K\x0au.",
    "duplicates_tuple": b"}(K\x01K\x02\x86NK\x01K\x02\x86K\x05u.",
    "duplicates_frozenset": b"}((K\x01K\x02\x91N(K\x02K\x01\x91K\x05u.",
    "raw_backslashes": b"Va\\\\u0041\\x\\u0041\\\n.",
    "duplicates_set": b"\x8f(K\x01\x88K\x02K\x01\x90.",
    "padded_long": b"\x8a\x12\x05" + b"\0" * 17 + b".",
    "long4": b"\x8b\x02\0\0\0\xff\xff.",
    "proto_twice": b"\x80\x04\x80\x02N.",
}


def line(name, protocol, pickler, data):
    print(name, protocol, pickler, describe(pickle.loads(data)), data.hex(), sep="\t")


def main():
    for name, value in values():
        for protocol in range(6):
            c = pickle.dumps(value, protocol)
            line(name, protocol, "c", c)
            for pickler, data in (("py", pickle._dumps(value, protocol)), ("opt", pickletools.optimize(c))):
                if data != c:
                    line(name, protocol, pickler, data)
    for name, data in BY_HAND.items():
        line(name, 0, "hand", data)


if __name__ == "__main__":
    main()
