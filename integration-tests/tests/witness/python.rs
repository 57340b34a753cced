//! Witnesses in Python: a program gets what it is to do as JSON, and larger bytes in files.

use crate::{Values, blobs, numbers, rows};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What every program in Python begins with; after it comes a vendor's `put`, `names`, `get` and `facts`.
const BEGIN: &str = "\
import io, json, pathlib, sys
import pyarrow as pa, pyarrow.parquet as pq
order = json.load(sys.stdin)
";

/// Puts and gets everything.
const EVERYTHING: &str = "
where = pathlib.Path(order['dir'])
if order['write']:
    for name, file in order['files'].items():
        put(name, (where / file).read_bytes())
    put('made/numbers.json', json.dumps(order['numbers']).encode())
    table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(order['rows']), table)
    put('made/table.parquet', table.getvalue())
seen = {}
for name in names():
    data = get(name)
    file = f'seen-{len(seen)}'
    (where / file).write_bytes(data)
    rows = pq.read_table(io.BytesIO(data)).to_pylist() if name.endswith('.parquet') else None
    seen[name] = {'file': file, 'rows': rows, **facts(name)}
print(json.dumps(seen))
";

/// Lets a vendor's client write everything or not, and read everything that is there.
pub(crate) fn everything(vendor: &str, mut order: Json, write: bool) -> Values {
    let dir = tempfile::tempdir().expect("a directory");
    let mut files = BTreeMap::new();
    for (name, bytes) in blobs() {
        let file = format!("given-{}", files.len());
        std::fs::write(dir.path().join(&file), bytes).expect("is written");
        files.insert(name, file);
    }
    order["write"] = write.into();
    order["files"] = json!(files);
    (order["numbers"], order["rows"]) = (numbers(), rows());
    order["dir"] = dir.path().to_str().expect("is text").into();
    let mut seen: Values = serde_json::from_str(&python(&format!("{vendor}{EVERYTHING}"), &order)).expect("is JSON");
    for found in seen.values_mut() {
        found.bytes = std::fs::read(dir.path().join(&found.file)).expect("was written");
    }
    assert_eq!(seen["made/table.parquet"].rows, rows());
    seen
}

/// Runs a program with what it is to do; gives what it printed.
pub(crate) fn python(code: &str, order: &Json) -> String {
    larder_integration_tests::python(&format!("{BEGIN}{code}"), &[""; 0], &order.to_string())
}
