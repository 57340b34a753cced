//! Rows by derive: every kind of field, names, nesting, and where they are named.
#![deny(warnings)]
#![allow(dead_code)]

use larder::prelude::*;
use std::collections::BTreeMap;

#[derive(TableSchema)]
struct Place {
    name: String,
    degrees: Option<f64>,
}

mod rows {
    #[derive(larder::TableSchema)]
    pub(crate) struct Row {
        pub(crate) id: u64,
        #[column(name = "dep delay")]
        pub(crate) delay: Option<i32>,
        pub(crate) r#type: String,
        pub(crate) bytes: Vec<u8>,
        pub(crate) codes: Vec<Option<u16>>,
        pub(crate) place: Option<super::Place>,
        pub(crate) tags: super::BTreeMap<String, bool>,
    }
}

#[asset(columns = rows::Row)]
async fn one() -> Result<Table> {
    Err(Error::new(ErrorKind::Unsupported, "none"))
}

#[asset(outputs(left(columns = Place), right))]
async fn both() -> Result<(Table, String)> {
    Err(Error::new(ErrorKind::Unsupported, "none"))
}

fn main() {
    let schema = <rows::Row as TableSchema>::schema();
    let told: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| format!("{}{}", field.name(), if field.is_nullable() { "?" } else { "" }))
        .collect();
    assert_eq!(told, ["id", "dep delay?", "type", "bytes", "codes", "place?", "tags"]);
    assert_eq!(schema.field(3).data_type().to_string(), "Binary");
    assets![one, both];
}
