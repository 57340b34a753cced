//! Objects that come back changed.

use super::Fault;
use larder_io_core::Value;
use larder_io_core::object::{AsObject, native};
use serde_content::{Data, Number, Serializer, Value as Tree};

/// The object, changed by the fault; unchanged where the fault is another.
pub(super) fn mangle(fault: Fault, value: &Value) -> Value {
    use Fault::{AsciiOnly, CutsDeepValues, DropsLastElement, FlattensOptions, LosesNan, StringlyNumbers, TextKeys};
    let object = [
        AsciiOnly,
        CutsDeepValues,
        DropsLastElement,
        FlattensOptions,
        LosesNan,
        StringlyNumbers,
        TextKeys,
    ];
    if !object.contains(&fault) && fault != Fault::WrapsWideIntegers {
        return value.clone();
    }
    match Serializer::new().serialize(AsObject(value)) {
        Ok(tree) => native(change(fault, tree.into_owned(), 0)),
        Err(_) => value.clone(),
    }
}

fn change(fault: Fault, tree: Tree<'static>, depth: usize) -> Tree<'static> {
    let next = |tree: Tree<'static>| change(fault, tree, depth + 1);
    match (tree, fault) {
        (Tree::Seq(_), Fault::CutsDeepValues) if depth > 100 => Tree::Seq(Vec::new()),
        (Tree::Seq(mut items), Fault::DropsLastElement) => {
            items.pop();
            Tree::Seq(items.into_iter().map(next).collect())
        }
        (Tree::Seq(items), _) => Tree::Seq(items.into_iter().map(next).collect()),
        (Tree::Tuple(items), _) => Tree::Tuple(items.into_iter().map(next).collect()),
        (Tree::Number(number), _) => change_number(fault, number),
        (Tree::Option(Some(inner)), Fault::FlattensOptions) if matches!(*inner, Tree::Option(None) | Tree::Unit) => {
            Tree::Option(None)
        }
        (Tree::Option(inner), _) => Tree::Option(inner.map(|inner| Box::new(next(*inner)))),
        (Tree::String(text), Fault::AsciiOnly) => {
            let ascii: String = text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
            Tree::String(ascii.into())
        }
        (Tree::Map(entries), Fault::TextKeys) => Tree::Map(
            entries
                .into_iter()
                .map(|(key, value)| (text(key), next(value)))
                .collect(),
        ),
        (Tree::Map(entries), _) => Tree::Map(
            entries
                .into_iter()
                .map(|(key, value)| (next(key), next(value)))
                .collect(),
        ),
        (Tree::Struct(mut object), _) => {
            object.data = change_data(object.data, next);
            Tree::Struct(object)
        }
        (Tree::Enum(mut object), _) => {
            object.data = change_data(object.data, next);
            Tree::Enum(object)
        }
        (other, _) => other,
    }
}

fn change_data(data: Data<'static>, next: impl Fn(Tree<'static>) -> Tree<'static>) -> Data<'static> {
    match data {
        Data::Unit => Data::Unit,
        Data::NewType { value } => Data::NewType { value: next(value) },
        Data::Tuple { values } => Data::Tuple {
            values: values.into_iter().map(next).collect(),
        },
        Data::Struct { fields } => Data::Struct {
            fields: fields.into_iter().map(|(name, value)| (name, next(value))).collect(),
        },
    }
}

fn change_number(fault: Fault, number: Number) -> Tree<'static> {
    let number = match (number, fault) {
        (Number::I128(wide), Fault::WrapsWideIntegers) => Number::I128(i128::from(wide as i64)),
        (Number::U128(wide), Fault::WrapsWideIntegers) => Number::U128(u128::from(wide as u64)),
        (Number::F64(float), Fault::LosesNan) if !float.is_finite() => Number::F64(0.0),
        (Number::F32(float), Fault::LosesNan) if !float.is_finite() => Number::F32(0.0),
        (number, Fault::StringlyNumbers) => return Tree::String(format!("{number:?}").into()),
        (number, _) => number,
    };
    Tree::Number(number)
}

fn text(key: Tree<'static>) -> Tree<'static> {
    match key {
        text @ Tree::String(_) => text,
        other => Tree::String(format!("{other:?}").into()),
    }
}
