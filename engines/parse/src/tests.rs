use super::*;
use larder_io_core::TableName;
use proptest::prelude::*;
use sqlparser::dialect::PostgreSqlDialect;

fn read(sql: &str) -> Parsed {
    parse(&PostgreSqlDialect {}, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn names(parsed: &Parsed) -> Vec<String> {
    parsed.prepared.tables.iter().map(TableName::to_string).collect()
}

fn changed(parsed: &Parsed) -> Rewritten {
    let quoted = |name: &str| format!("\"{name}\"");
    parsed.rewritten(|n| format!("<{n}>"), |n| format!("${}", n + 1), quoted)
}

#[test]
fn tables_and_parameters_are_found_and_replaced() {
    let parsed = read(
        "select t.amount, raw.customers.name, raw.customers.* -- raw.customers\n\
         from Raw.Transactions t join \"raw\".customers on raw.customers.id = t.id\n\
         where t.at >= $start and t.kind = 'raw.customers $x' and t.at < $end and t.at <> $start",
    );
    assert_eq!(names(&parsed), ["raw.transactions", "raw.customers"]);
    assert_eq!(parsed.prepared.parameters, ["start", "end"]);
    assert_eq!(
        changed(&parsed).sql,
        "select t.amount, \"customers\".name, \"customers\".* -- raw.customers\n\
         from <0> t join <1> as \"customers\" on \"customers\".id = t.id\n\
         where t.at >= $1 and t.kind = 'raw.customers $x' and t.at < $2 and t.at <> $1"
    );
}

#[test]
fn names_of_the_query_itself_are_no_tables() {
    let parsed = read(
        "with a as (select * from a), b as (select * from a union all select * from c) \
         select * from b join (with c as (select 1) select * from c) using (id) join c on true",
    );
    assert_eq!(names(&parsed), ["a", "c"]);
    assert_eq!(
        changed(&parsed).sql,
        "with a as (select * from <0> as \"a\"), b as (select * from a union all select * from <1> as \"c\") \
         select * from b join (with c as (select 1) select * from c) using (id) join <1> as \"c\" on true"
    );
    let parsed = read("with recursive n as (select 1 as i union all select i + 1 from n where i < 9) select * from n");
    assert!(parsed.prepared.tables.is_empty());
    let parsed =
        read("select * from generate_series(1, 3) g where g in (select id from x) and exists (select 1 from y.z)");
    assert_eq!(names(&parsed), ["x", "y.z"]);
}

#[test]
fn tables_of_one_last_part_are_not_taken_for_each_other() {
    let sql =
        "select * from raw.flights where exists (select 1 from clean.flights where clean.flights.id = raw.flights.id);";
    assert_eq!(
        changed(&read(sql)).sql,
        "select * from <0> as \"raw.flights\" where exists (select 1 from <1> as \"clean.flights\" where \"clean.flights\".id = \"raw.flights\".id)"
    );
    // What has another name is not meant by its own.
    let sql = "select 1 from raw.t as x join other.u as t on raw.t.v = t.v -- ; stays\n ;";
    assert_eq!(
        changed(&read(sql)).sql,
        "select 1 from <0> as x join <1> as t on raw.t.v = t.v -- ; stays\n "
    );
    let sql = "with flights as (select flights.id from raw.flights) select flights.id from flights";
    assert_eq!(
        changed(&read(sql)).sql,
        "with flights as (select flights.id from <0> as \"flights\") select flights.id from flights"
    );
}

#[test]
fn a_table_is_found_in_front_of_all_of_its_columns_and_of_parts_of_one() {
    for (asked, expected) in [
        ("count(raw.t.*)", "count(\"t\".*)"),
        ("count(distinct raw.t.*)", "count(distinct \"t\".*)"),
        (
            "array_agg(Raw.\"t\".* order by raw.t.id)",
            "array_agg(\"t\".* order by \"t\".id)",
        ),
        (
            "count(raw.t.*) filter (where raw.t.v is null)",
            "count(\"t\".*) filter (where \"t\".v is null)",
        ),
        ("row(raw.t.*, 1)", "row(\"t\".*, 1)"),
        ("(raw.t.*, raw.t.id)", "(\"t\".*, \"t\".id)"),
        ("(raw.t.*) is null", "(\"t\".*) is null"),
        ("to_jsonb(raw.t.*) -> 'a'", "to_jsonb(\"t\".*) -> 'a'"),
        ("raw.t.col[1]", "\"t\".col[1]"),
        ("raw.t.col[raw.t.id][2]", "\"t\".col[\"t\".id][2]"),
        ("raw.t.col[1:raw.t.id]", "\"t\".col[1:\"t\".id]"),
        ("(raw.t.col).field", "(\"t\".col).field"),
        ("(raw.t.col[1]).field", "(\"t\".col[1]).field"),
        ("(raw.t.col::text)", "(\"t\".col::text)"),
        ("f(x => raw.t.*)", "f(x => \"t\".*)"),
        ("x.col[1], x.*", "x.col[1], x.*"),
    ] {
        let parsed = read(&format!("select {asked} from raw.t, x"));
        assert_eq!(
            changed(&parsed).sql,
            format!("select {expected} from <0> as \"t\", <1> as \"x\""),
            "{asked}"
        );
    }
    // The parser has no such thing, and says where.
    let error = parse(&PostgreSqlDialect {}, "select (raw.t.col).* from raw.t").expect_err("is refused");
    assert!(error.message().contains("line 1, column 22"), "{error}");
    let parsed =
        read("select e from raw.t, lateral jsonb_each(to_jsonb(raw.t.*)) e, unnest(raw.t.col) u, f(raw.t.*) g");
    assert_eq!(
        changed(&parsed).sql,
        "select e from <0> as \"t\", lateral jsonb_each(to_jsonb(\"t\".*)) e, unnest(\"t\".col) u, f(\"t\".*) g"
    );
}

#[test]
fn what_is_no_query_is_refused() {
    for (sql, said) in [
        ("drop table x", "a query reads"),
        ("select 1; select 2", "several statements"),
        ("select 1 into x", "select .. into"),
        ("with d as (delete from x returning *) select * from d", "delete"),
        ("select * from x for update", "for update"),
        ("table x", "an SQL statement"),
        ("select 1 union all table x", "select * from"),
        ("", "there is no query"),
        ("explain drop table x", "a query reads"),
    ] {
        let error = parse(&PostgreSqlDialect {}, sql).expect_err(sql);
        assert!(error.message().contains(said), "{sql}: {error}");
    }
    let error = parse(&PostgreSqlDialect {}, "select a\n  frm x where").expect_err("does not parse");
    assert!(error.message().contains("line 2, column"), "{error}");
}

#[test]
fn places_lead_back_to_the_user() {
    let sql = "select ü, $a\nfrom raw.t where nope = $a";
    let parsed = read(sql);
    let rewritten = changed(&parsed);
    let at = |word: &str| rewritten.origin(rewritten.sql.find(word).expect("is there"));
    assert_eq!(at("nope"), Position { line: 2, column: 18 });
    assert_eq!(at("<0>"), Position { line: 2, column: 6 });
    assert_eq!(at("ü"), Position { line: 1, column: 8 });
    let told = text::position(&rewritten.sql, rewritten.sql.find("nope").expect("is there"));
    assert_eq!(rewritten.origin_of(told), Position { line: 2, column: 18 });
    let table = |word: &str| rewritten.table_at(rewritten.sql.find(word).expect("is there"));
    assert_eq!((table("<0>"), table("0>")), (Some(0), Some(0)));
    // The name is the user's.
    assert_eq!((table(" as \"t\""), table("nope"), table("from")), (None, None, None));
}

proptest! {
    /// Texts in quotes, dollars and comments hold anything, and stay.
    #[test]
    fn what_is_quoted_stays(inner in "[a-z$: ü'\"]{0,20}", kind in 0usize..4) {
        let quoted = match kind {
            0 => format!("'{}'", inner.replace('\'', "''")),
            1 => format!("$q${}$q$", inner.replace('$', "")),
            2 => format!("/* {} */ 1", inner),
            _ => format!("1 as \"x{}\"", inner.replace('"', "\"\"")),
        };
        let parsed = read(&format!("select {quoted}, $p from raw.t"));
        prop_assert_eq!(&parsed.prepared.parameters, &["p"]);
        prop_assert_eq!(changed(&parsed).sql, format!("select {quoted}, $1 from <0> as \"t\""));
    }

    /// Nothing makes it panic.
    #[test]
    fn any_text_is_parsed_or_refused(text in "(select|from|with|as|raw\\.t|\\$a|'|\"|\\(|\\)|,|\n|ü| |1|\\*|--|/\\*|;){0,30}") {
        if let Ok(parsed) = parse(&PostgreSqlDialect {}, &text) {
            let rewritten = changed(&parsed);
            for byte in 0..=rewritten.sql.len() + 1 {
                let _ = rewritten.origin(byte);
            }
        }
    }
}
