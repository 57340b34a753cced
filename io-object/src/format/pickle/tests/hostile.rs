//! Pickles that mean harm: each is an error, and nothing of it is run.

use serde::Deserialize;

use super::*;

#[test]
fn code_is_refused_by_name() {
    for (data, name) in [
        (&b"cos\nsystem\n(S'true'\ntR."[..], "`os.system`"),
        (b"cposix\nsystem\n(S'true'\ntR.", "`posix.system`"),
        (
            b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.",
            "`posix.system`",
        ),
        (b"(S'true'\nios\nsystem\n.", "`os.system`"),
        (b"(cos\nsystem\nS'true'\no.", "`os.system`"),
        (b"\x80\x02csubprocess\nPopen\n)\x81}b.", "`subprocess.Popen`"),
        (b"\x80\x02c__builtin__\nset\n)\x81.", "`builtins.set.__new__`"),
        (b"\x80\x04cbuiltins\nset\n)}\x92.", "`builtins.set.__new__`"),
        (b"c__builtin__\neval\n(S'1'\ntR.", "`__builtin__.eval`"),
        (b"cbuiltins\ngetattr\n.", "`builtins.getattr`"),
        (b"cdatetime\ndatetime.now\n)R.", "`datetime.datetime.now`"),
        (b"\x82\x01.", "extension code 1"),
        (b"\x83\x01\x02.", "extension code 513"),
        (b"\x84\x01\x00\x00\x01.", "extension code 16777217"),
        (b"Pid\n.", "persistent id `id`"),
        (b"K\x01Q.", "persistent id"),
        (b"\x97.", "a buffer"),
        (b"C\x01a\x98.", "a buffer"),
        (b"]}(K\x01K\x02ub.", "to set the state of a `list`"),
        (b"ca\x1b[31m\nb\n.", "`a\\u{1b}[31m.b`"),
    ] {
        let error = refusal(data);
        assert!(
            error.contains(name) && error.contains("no plain data; nothing of it was run"),
            "{name}: {error}"
        );
    }
    let long = format!("c{}\nb\n.", "a".repeat(100_000));
    assert!(refusal(long.as_bytes()).len() < 300);
}

#[test]
fn calls_are_made_with_the_right_arguments_only() {
    for data in [
        &b"cbuiltins\nset\nK\x05\x85R."[..],
        b"cbuiltins\nset\n)]\x86R.",
        b"cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R.",
        b"cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
        b"c_codecs\nencode\nU\x01aU\x05utf_8\x86R.",
        b"c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacU\x06latin1\x86R.",
        b"cdatetime\ndate\nM\xe8\x07K\x01K\x02\x87R.",
        b"cdatetime\ndate\nC\x04\x07\xe8\x02\x1e\x85R.",
        b"cdatetime\ndate\nC\x05\x07\xe8\x01\x01\x01\x85R.",
        b"cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x81\x00\x00\x00\x00\x00\x85R.",
        b"cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x01\x00\x00\x0f\x42\x40\x85R.",
        b"cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x01\x01\x00\x00\x00\x00\x00K\x01\x86R.",
        b"cdatetime\ntimedelta\nG\x00\x00\x00\x00\x00\x00\x00\x00K\x00K\x00\x87R.",
        b"cdatetime\ntimedelta\nJ\xff\xff\xff\x7fK\x00K\x00\x87R.",
        b"cdatetime\ntimezone\ncdatetime\ntimedelta\nK\x01K\x00K\x00\x87R\x85R.",
        b"ccollections\nOrderedDict\n](K\x01K\x02e\x85R.",
        b"cbuiltins\nset\n]R.",
        b"cbuiltins\nset\n(NNNNtR.",
        b"K\x01)R.",
    ] {
        let error = refusal(data);
        assert!(
            !error.contains("cut short") && !error.contains("empty stack"),
            "{error}: {data:x?}"
        );
    }
    assert!(refusal(b"cbuiltins\nset\n.").contains("`builtins.set` itself"));
    assert!(refusal(b"]cbuiltins\nset\na.").contains("`builtins.set` itself"));
}

/// A list of two of a list of two, and so on.
fn laughs(levels: usize) -> Vec<u8> {
    [b"]2".to_vec(), b"\x86\x32".repeat(levels)].concat()
}

#[test]
fn shared_values_may_not_grow_without_bound() {
    let small = [laughs(17), b"0.".to_vec()].concat();
    assert!(parse(&small).is_ok());
    let large = [laughs(60), b"0.".to_vec()].concat();
    assert!(refusal(&large).contains("too large"));

    // The same with a long text, and with keys, which are compared before anything is written out.
    let text = [&b"X\x00\x00\x10\x00"[..], &b"a".repeat(1 << 20), b"q\x00"].concat();
    let many = [&b"("[..], &text, &b"h\x00".repeat(1000), b"l."].concat();
    assert!(refusal(&many).contains("too large"));
    let few = [&b"("[..], &text, &b"h\x00".repeat(10), b"l."].concat();
    assert!(parse(&few).is_ok());
    let keys = [&b"}"[..], b"K\x012", &b"\x86\x32".repeat(15), b"0Ns."].concat();
    assert_eq!(
        refusal(&[&b"}"[..], b"K\x012", &b"\x86\x32".repeat(60), b"0Ns."].concat()),
        refusal(&large)
    );
    assert!(parse(&keys).is_ok());

    // Sets that copy one long list, and bytes that copy one long text.
    let list = [&b"(]("[..], &b"N".repeat(100_000), b"eq\x000"].concat();
    let copies = [&list[..], &b"cbuiltins\nfrozenset\nh\x00\x85R".repeat(1000), b"t."].concat();
    assert!(refusal(&copies).contains("over and over"));
    let copies = [
        &b"("[..],
        &text,
        b"0",
        &b"c_codecs\nencode\nh\x00U\x06latin1\x86R".repeat(100),
        b"t.",
    ]
    .concat();
    assert!(refusal(&copies).contains("over and over"));
    let copies = [
        &b"("[..],
        &text,
        b"0",
        &b"cbuiltins\nbytearray\nh\x00U\x06latin1\x86R".repeat(100),
        b"t.",
    ]
    .concat();
    assert!(refusal(&copies).contains("over and over"));
}

#[test]
fn cycles_are_refused() {
    for (data, kind) in [
        (&b"]q\x00h\x00a."[..], "a list contains itself"),
        (b"}q\x00K\x01h\x00s.", "a dict contains itself"),
        (b"]q\x00h\x00\x85a.", "contains itself"),
        (b"]q\x00h\x00\x85q\x01a0h\x01.", "contains itself"),
    ] {
        let error = refusal(data);
        assert!(error.contains(kind), "{error}");
    }
    // Out of reach of the value, a cycle does no harm.
    assert!(parse(b"]q\x00h\x00a0N.").is_ok());
}

#[test]
fn huge_claims_are_refused_at_once() {
    let huge = (1_u64 << 60).to_le_bytes();
    for opcode in [b'\x8d', b'\x8e', b'\x95', b'\x96'] {
        let error = refusal(&[&[opcode], &huge[..], b"abc."].concat());
        assert!(error.contains("cut short"), "{error}");
    }
    for opcode in [b'X', b'B', b'T', b'\x8b'] {
        assert!(refusal(&[&[opcode], &[0xff; 4][..], b"abc."].concat()).contains("cut short"));
    }
    assert!(refusal(&[&b"\x8b\x00\x00\x01\x00"[..], &[1; 65536], b"."].concat()).contains("too large"));
    assert!(refusal(&[b"L", &b"9".repeat(100_000)[..], b"L\n."].concat()).contains("too large"));
    assert!(
        refusal(b"\x8a\x11\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\xff.").contains("too large")
    );
    assert_eq!(
        describe(&parse(b"]r\xff\xff\xff\xff0j\xff\xff\xff\xff.").unwrap()),
        "[]"
    );
    assert_eq!(
        describe(&parse(b"]p18446744073709551615\n0g18446744073709551615\n.").unwrap()),
        "[]"
    );
}

#[test]
fn deep_pickles_are_errors_on_a_small_stack() {
    on_stack(256 << 10, || {
        for wrap in [&b"\x85"[..], b"](", b"a"] {
            let (start, end) = match wrap {
                b"\x85" => (b"N".to_vec(), wrap.repeat(1_000_000)),
                b"](" => (wrap.repeat(1_000_000), b"e".repeat(1_000_000)),
                _ => (b"]".repeat(1_000_000), wrap.repeat(999_999)),
            };
            assert!(refusal(&[start, end, b".".to_vec()].concat()).contains("200 levels"));
        }
        assert!(parse(&[b"]".repeat(200), b"a".repeat(199), b".".to_vec()].concat()).is_ok());
        assert!(parse(&[b"]".repeat(201), b"a".repeat(200), b".".to_vec()].concat()).is_err());
        assert!(refusal(&[&b"]N"[..], &b"\x85".repeat(200), b"a."].concat()).contains("200 levels"));
        // What is thrown away may be deep, and must not be dropped by recursion.
        assert!(parse(&[b"N", &b"\x85".repeat(1_000_000)[..], b"0N."].concat()).is_ok());
        // A deep part that was measured before still counts where it is used again.
        let twice = [
            &b"(N"[..],
            &b"\x85".repeat(150),
            b"q\x00h\x00",
            &b"\x85".repeat(100),
            b"t.",
        ]
        .concat();
        assert!(refusal(&twice).contains("200 levels"));
    });
    on_stack(2 << 20, || {
        let data = [&b"\x80\x04"[..], &b"]".repeat(200), &b"a".repeat(199), b"."].concat();
        let pickled = parse(&data).unwrap();
        let value = serde_json::Value::deserialize(&pickled).unwrap();
        assert_eq!(to_vec(&value).unwrap().len(), 2 + 200 + 2 * 199 + 1);
        let deepest = [&b"}"[..], b"K\x01", &b"\x85".repeat(199), b"Ns."].concat();
        assert!(parse(&deepest).is_ok());
    });
}

#[test]
fn broken_machines_are_errors() {
    for (data, part) in [
        (&b""[..], "cut short"),
        (b".", "empty stack"),
        (b"0.", "empty stack"),
        (b"NN.", "more than one value"),
        (b"(N.", "more than one value"),
        (b"N.N", "1 bytes follow"),
        (b"N(a.", "empty stack"),
        (b"]N(a.", "empty stack"),
        (b"t.", "mark"),
        (b"NNa.", "appends to a None"),
        (b"](NNu.", "sets the items of a list"),
        (b"}(NNNu.", "without a value"),
        (b"](N\x90.", "adds members to a list"),
        (b"h\x07.", "value 7"),
        (b"\x80\x06N.", "protocol 6"),
        (b"\xff.", "0xff"),
        (b"NN\x93.", "other than text"),
        (b"X\x01\x00\x00\x00\xff.", "not UTF-8"),
        (b"X\x03\x00\x00\x00\xed\xa0\x80.", "lone surrogate"),
        (b"V\\ud800\n.", "lone surrogate"),
        (b"V\\udfff\n.", "lone surrogate"),
        (b"V\\U00110000\n.", "no character"),
        (b"V\\u12\n.", "within an escape"),
        (b"V\\uzzzz\n.", "broken escape"),
        (b"U\x01\xff.", "not ASCII"),
        (b"S'\\xff'\n.", "not ASCII"),
        (b"Sabc\n.", "not in quotes"),
        (b"I5x\n.", "no number"),
        (b"I\n.", "no number"),
        (b"I09\n.", "no number"),
        (b"\x95\x03\0\0\0\0\0\0\0NM\x01\x02.", "beyond the frame"),
        (b"\x95\x03\0\0\0\0\0\0\0NI1\n.", "beyond the frame"),
        (b"\x95\x0a\0\0\0\0\0\0\0\x95\x02\0\0\0\0\0\0\0N.", "within another"),
        (b"I-0\n.", "no number"),
        (b"Fabc\n.", "no float"),
        (b"F1e400\n.", "no float"),
        (b"Nb.", "empty stack"),
        (b"p-1\n.", "no number"),
        (b"}]Ns.", "a list is a key"),
        (b"}\x8f\x85Ns.", "a set is a key"),
        (b"\x8f(}\x90.", "a dict is a key"),
        (b"(\x8f\x91.", "a set is a key"),
        (b"}]\x85Ns.", "a list is a key"),
    ] {
        let error = refusal(data);
        assert!(error.contains(part), "{part}: {error}");
    }
}
