use larder::prelude::*;

#[derive(TableSchema)]
struct Tuple(i64);

#[derive(TableSchema)]
enum Variant {
    One { a: i64 },
}

#[derive(TableSchema)]
struct Generic<T> {
    a: T,
}

#[derive(TableSchema)]
struct Twice {
    a: i64,
    #[column(name = "a")]
    b: i64,
}

#[derive(TableSchema)]
struct Misspelled {
    #[column(nmae = "b")]
    a: i64,
}

#[derive(TableSchema)]
struct NoColumn {
    a: std::time::Instant,
}

#[asset(columns)]
async fn nothing() -> Result<Table> {
    unreachable!()
}

#[asset(columns = Twice, outputs(a, b))]
async fn of_several() -> Result<(Table, Table)> {
    unreachable!()
}

fn main() {}
