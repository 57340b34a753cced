//! The types of serde, there and back.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;
use larder_io_core::python::{FrozenSet, Set};

fn there_and_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: T, description: &str) {
    let data = to_vec(&value).unwrap();
    let pickled = parse(&data).unwrap();
    assert_eq!(describe(&pickled), description);
    assert_eq!(T::deserialize(&pickled).unwrap(), value);
}

fn refused_to_write<T: Serialize>(value: &T) -> String {
    to_vec(value).expect_err("it must be refused").to_string()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(i8, i8),
    Empty(),
    Box { width: u8, height: Option<u8> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wrapped(i64);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i64, String);

#[test]
fn what_python_would_keep_less_of_is_refused() {
    for lossy in [
        to_vec(&larder_io_core::python::Set(vec!["a", "a"])),
        to_vec(&larder_io_core::python::FrozenSet(vec!["a", "a"])),
    ] {
        super::super::check(&lossy.unwrap()).unwrap_err();
    }
    super::super::check(&to_vec(&larder_io_core::python::Set(vec!["a", "b"])).unwrap()).unwrap();
}

#[test]
fn scalars() {
    there_and_back((), "None");
    there_and_back(Unit, "None");
    there_and_back(true, "True");
    there_and_back(u128::MAX, &format!("int:{}", u128::MAX));
    there_and_back(1_u128 << 127, &format!("int:{}", 1_u128 << 127));
    there_and_back(i128::MIN, &format!("int:{}", i128::MIN));
    there_and_back('\u{20ac}', "str:e282ac");
    there_and_back("x".repeat(300), &format!("str:{}", "78".repeat(300)));
    there_and_back(0.1_f32, "float:3fb99999a0000000");
    there_and_back(f64::NEG_INFINITY, "float:fff0000000000000");
    assert_eq!(written(&f32::NAN), "float:7ff8000000000000");
    for shift in 0..127 {
        for value in [
            (1 << shift) - 1,
            1 << shift,
            (1 << shift) + 1,
            -(1 << shift) - 1,
            -(1 << shift),
            1 - (1 << shift),
        ] {
            there_and_back::<i128>(value, &format!("int:{value}"));
        }
    }
}

#[test]
fn integers_take_the_bytes_they_take_in_cpython() {
    for (value, data) in [
        (0, "80044b002e"),
        (255, "80044bff2e"),
        (256, "80044d00012e"),
        (65536, "80044a000001002e"),
        (-1, "80044affffffff2e"),
        (-(1 << 31), "80044a000000802e"),
        (1 << 31, "80048a0500000080002e"),
        (-(1 << 31) - 1, "80048a05ffffff7fff2e"),
        (-(1 << 39), "80048a0500000000802e"),
        (i64::MIN, "80048a0800000000000000802e"),
    ] {
        assert_eq!(hex(&to_vec(&value).unwrap()), data, "{value}");
    }
}

#[test]
fn structs_options_and_enums() {
    there_and_back(Some(Some(5)), "int:5");
    there_and_back(None::<u8>, "None");
    there_and_back(Wrapped(7), "int:7");
    there_and_back(Pair(7, "a".into()), "(int:7,str:61)");
    there_and_back(Shape::Point, "str:506f696e74");
    there_and_back(Shape::Circle(1.0), "{str:436972636c65=float:3ff0000000000000}");
    there_and_back(Shape::Line(1, -1), "{str:4c696e65=(int:1,int:-1)}");
    there_and_back(Shape::Empty(), "{str:456d707479=()}");
    there_and_back(
        Shape::Box { width: 3, height: None },
        "{str:426f78={str:7769647468=int:3,str:686569676874=None}}",
    );
    there_and_back(
        vec![Shape::Point, Shape::Circle(0.0)],
        "[str:506f696e74,{str:436972636c65=float:0000000000000000}]",
    );
}

#[test]
fn tuples_and_long_lists() {
    there_and_back((1,), "(int:1)");
    there_and_back((1, 2, 3), "(int:1,int:2,int:3)");
    there_and_back((1, 2, 3, 4, (5, 6)), "(int:1,int:2,int:3,int:4,(int:5,int:6))");
    there_and_back([0_u8; 0], "()");
    for length in [0, 1, 999, 1000, 1001, 2000, 2500] {
        let list: Vec<u32> = (0..length).collect();
        let map: BTreeMap<u32, u32> = list.iter().map(|item| (*item, item + 1)).collect();
        let set = Set(list.iter().copied().collect::<HashSet<_>>());
        let numbers: Vec<_> = list.iter().map(|item| format!("int:{item}")).collect();
        let items: Vec<_> = list.iter().map(|item| format!("int:{item}=int:{}", item + 1)).collect();
        let sorted: BTreeSet<_> = numbers.iter().cloned().collect();
        there_and_back(list, &format!("[{}]", numbers.join(",")));
        there_and_back(map, &format!("{{{}}}", items.join(",")));
        there_and_back(
            set,
            &format!("set{{{}}}", sorted.into_iter().collect::<Vec<_>>().join(",")),
        );
    }
}

#[test]
fn keys_need_not_be_text() {
    there_and_back(
        BTreeMap::from([(-1, 'a'), (300, 'b')]),
        "{int:-1=str:61,int:300=str:62}",
    );
    there_and_back(BTreeMap::from([((1, "x".to_owned()), ())]), "{(int:1,str:78)=None}");
    there_and_back(BTreeMap::from([(Some(Wrapped(1)), 2)]), "{int:1=int:2}");
    there_and_back(
        BTreeMap::from([(None::<i8>, true), (Some(1), false)]),
        "{None=True,int:1=False}",
    );
    there_and_back(HashMap::from([(true, 1)]), "{True=int:1}");
    there_and_back(
        BTreeMap::from([(FrozenSet(vec![1, 2]), 3)]),
        "{frozenset{int:1,int:2}=int:3}",
    );
    there_and_back(Set(vec![FrozenSet(vec![(1, 2)])]), "set{frozenset{(int:1,int:2)}}");
    there_and_back(Set([1, 2]), "set{int:1,int:2}");
    there_and_back(FrozenSet(Vec::<u8>::new()), "frozenset{}");
}

#[test]
fn keys_that_python_cannot_hash_are_refused() {
    assert!(refused_to_write(&BTreeMap::from([(vec![1], 1)])).contains("a list cannot be a key"));
    assert!(refused_to_write(&BTreeMap::from([(BTreeMap::from([(1, 1)]), 1)])).contains("a dict cannot be a key"));
    assert!(refused_to_write(&BTreeMap::from([(Set(vec![1]), 1)])).contains("a set cannot be a key"));
    assert!(refused_to_write(&BTreeMap::from([((1, (2, vec![3])), 1)])).contains("a list cannot be a key"));
    assert!(refused_to_write(&Set(vec![vec![1]])).contains("a list cannot be a key"));
    assert!(refused_to_write(&FrozenSet([[Some(vec![1])]])).contains("a list cannot be a key"));
    let after = (BTreeMap::from([(1, vec![1])]), vec![1]);
    there_and_back(after, "({int:1=[int:1]},[int:1])");
}

#[test]
fn sets_are_made_of_sequences_alone() {
    there_and_back(Set(Some(vec![1])), "set{int:1}");
    assert!(refused_to_write(&Set(5)).contains("made of a sequence"));
    assert!(refused_to_write(&Set(None::<u8>)).contains("made of a sequence"));
    assert!(refused_to_write(&Set(BTreeMap::from([(1, 1)]))).contains("made of a sequence"));
    assert!(refused_to_write(&Set(Pair(1, "a".into()))).contains("made of a sequence"));
    assert!(refused_to_write(&Set(Shape::Line(1, 2))).contains("made of a sequence"));
    assert!(refused_to_write(&Set(FrozenSet(vec![1]))).contains("made of a sequence"));
}

#[test]
fn types_that_do_not_fit_are_errors() {
    let pickled = |value: &str| parse(&to_vec(value).unwrap()).unwrap();
    assert!(i32::deserialize(&pickled("5")).is_err());
    assert!(bool::deserialize(&parse(b"K\x01.").unwrap()).is_err());
    assert!(u8::deserialize(&parse(b"M\x00\x01.").unwrap()).is_err());
    assert!(<(u8, u8)>::deserialize(&parse(&to_vec(&[1, 2, 3]).unwrap()).unwrap()).is_err());
    assert!(Shape::deserialize(&pickled("Circle")).is_err());
    assert!(Shape::deserialize(&pickled("Square")).is_err());
    assert!(Shape::deserialize(&parse(b"}(X\x05\x00\x00\x00PointNX\x01\x00\x00\x00xNu.").unwrap()).is_err());
    #[derive(Debug, Deserialize)]
    struct One {
        #[allow(dead_code)]
        field: u8,
    }
    let error = One::deserialize(&parse(b"}K\x00K\x01s.").unwrap())
        .unwrap_err()
        .to_string();
    assert!(error.contains("names a field"), "{error}");
    assert!(Shape::deserialize(&parse(b"}K\x01G\x00\x00\x00\x00\x00\x00\x00\x00s.").unwrap()).is_err());
    assert_eq!(f64::deserialize(&parse(b"K\x02.").unwrap()).unwrap(), 2.0);
    assert_eq!(
        f32::deserialize(&parse(&to_vec(&(1_i128 << 100)).unwrap()).unwrap()).unwrap(),
        2_f32.powi(100)
    );
    assert_eq!(
        f64::deserialize(&parse(&to_vec(&u128::MAX).unwrap()).unwrap()).unwrap(),
        2_f64.powi(128)
    );
}

#[test]
fn untagged_and_flattened_types_read() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Any {
        Null,
        Int(i64),
        Float(f64),
        Text(String),
        List(Vec<Any>),
        Map(BTreeMap<String, Any>),
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        id: u8,
        #[serde(flatten)]
        rest: BTreeMap<String, Any>,
    }
    let rest = BTreeMap::from([
        ("a".into(), Any::List(vec![Any::Null, Any::Int(-5), Any::Float(0.5)])),
        (
            "b".into(),
            Any::Map(BTreeMap::from([("c".into(), Any::Text("d".into()))])),
        ),
    ]);
    on_stack(2 << 20, || {
        let data = [&b"]".repeat(200)[..], &b"a".repeat(199), b"."].concat();
        let pickled = parse(&data).unwrap();
        assert_eq!(
            to_vec(&Any::deserialize(&pickled).unwrap()).unwrap().len(),
            2 + 200 + 2 * 199 + 1
        );
    });
    there_and_back(
        Outer { id: 1, rest },
        "{str:6964=int:1,str:61=[None,int:-5,float:3fe0000000000000],str:62={str:63=str:64}}",
    );
    let json = serde_json::json!({"a": [1, -2, 0.5, null, true, "x", {"y": []}]});
    assert_eq!(
        serde_json::Value::deserialize(&parse(&to_vec(&json).unwrap()).unwrap()).unwrap(),
        json
    );
}

#[test]
fn borrowed_text_and_bytes_read_without_a_copy() {
    let pickled = parse(&to_vec(&("text", "more")).unwrap()).unwrap();
    assert_eq!(<(&str, &str)>::deserialize(&pickled).unwrap(), ("text", "more"));
    let pickled = parse(b"\x80\x04C\x03\x00\x01\xff.").unwrap();
    assert_eq!(<&[u8]>::deserialize(&pickled).unwrap(), [0, 1, 255]);
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&pickled);
}

#[test]
fn nesting_is_limited_on_writing() {
    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Nest(Option<Box<[Nest; 1]>>);
    on_stack(2 << 20, || {
        let nest = |levels| (0..levels).fold(Nest(None), |inner, _| Nest(Some(Box::new([inner]))));
        let data = to_vec(&nest(199)).unwrap();
        assert!(Nest::deserialize(&parse(&data).unwrap()).unwrap() == nest(199));
        assert!(refused_to_write(&nest(200)).contains("inside each other"));

        #[derive(Serialize, Deserialize, Debug, PartialEq)]
        struct List(Vec<List>);
        let list = |levels| (0..levels).fold(List(vec![]), |inner, _| List(vec![inner]));
        let data = to_vec(&list(199)).unwrap();
        assert_eq!(List::deserialize(&parse(&data).unwrap()).unwrap(), list(199));
        assert!(refused_to_write(&list(200)).contains("more than 200 levels"));

        // A type that never takes anything from the pickle.
        #[derive(Deserialize)]
        struct Endless(#[allow(dead_code)] Option<Box<Endless>>);
        let error = Endless::deserialize(&parse(b"K\x01.").unwrap()).err().unwrap();
        assert!(error.to_string().contains("newtype layers"), "{error}");
    });
}
