//! What a parsed query reads: tables that are none of its own, and parameters.

use crate::text;
use larder_io_core::{Error, ErrorKind, Position, Result, TableName};
use sqlparser::ast::{
    AccessExpr, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Spanned, Statement, TableFactor, Value, ValueWithSpan, Visit, Visitor,
};
use sqlparser::tokenizer::Span;
use std::ops::{ControlFlow, Range};

/// A part of the text that another one can stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) bytes: Range<usize>,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A table, and whether the query gives it a name of its own.
    Table(usize, bool),
    /// A table's whole name in front of a column.
    Prefix(usize),
    /// What ends the query, and would end it too early.
    End,
    /// A parameter.
    Parameter(usize),
}

/// What was found.
#[derive(Default)]
pub(crate) struct Walk {
    pub(crate) tables: Vec<TableName>,
    pub(crate) parameters: Vec<String>,
    pub(crate) marks: Vec<Mark>,
    /// The name of each table where the query gives it none: its last part, or all of it where that would be another's too.
    pub(crate) names: Vec<String>,
}

impl Walk {
    /// Walks over a query.
    ///
    /// # Errors
    /// `Unsupported` where it writes or locks rows.
    pub(crate) fn over(text: &str, query: &Query) -> Result<Self> {
        let mut finder = Finder {
            text,
            walk: Self::default(),
            scopes: Vec::new(),
            aliases: Vec::new(),
            writes: None,
            unmarked: None,
        };
        let _ = query.visit(&mut finder);
        if let Some(what) = finder.writes {
            let message = format!("a query reads: `{what}` does more than that");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        if let Some(what) = finder.unmarked {
            let message =
                format!("`{what}` stands where no other table can be put in its place; write `select * from {what}`");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (mut walk, aliases) = (finder.walk, finder.aliases);
        // Of those that contain others, only the inner ones are looked at twice.
        walk.marks.sort_by_key(|mark| mark.bytes.start);
        walk.marks.dedup();
        walk.order();
        walk.names = walk.tables.iter().map(|table| walk.name(table, &aliases)).collect();
        let prefixes = Prefixes {
            text,
            walk: &walk,
            found: Vec::new(),
        };
        let found = prefixes.over(query);
        walk.marks.extend(found);
        walk.marks.sort_by_key(|mark| mark.bytes.start);
        walk.marks.dedup_by_key(|mark| mark.bytes.start);
        Ok(walk)
    }

    /// What a table is called that has no other name: two with one last part would be taken for each other in a query within the query.
    fn name(&self, table: &TableName, aliases: &[(String, Vec<String>)]) -> String {
        let last = table.parts.last().cloned().unwrap_or_default();
        let alike = self
            .tables
            .iter()
            .filter(|other| other.parts.last() == Some(&last))
            .count();
        let taken = aliases
            .iter()
            .any(|(alias, parts)| *alias == last && *parts != table.parts);
        match table.parts.len() == 1 || (alike == 1 && !taken) {
            true => last,
            false => table.parts.join("."),
        }
    }

    /// Tables and parameters in the order of the text.
    fn order(&mut self) {
        let mut tables: Vec<usize> = Vec::new();
        let mut parameters: Vec<usize> = Vec::new();
        for mark in &mut self.marks {
            let (known, number) = match &mut mark.what {
                What::Table(number, _) => (&mut tables, number),
                What::Parameter(number) => (&mut parameters, number),
                What::Prefix(_) | What::End => continue,
            };
            *number = known.iter().position(|old| old == number).unwrap_or_else(|| {
                known.push(*number);
                known.len() - 1
            });
        }
        self.tables = tables.iter().map(|old| self.tables[*old].clone()).collect();
        self.parameters = parameters.iter().map(|old| self.parameters[*old].clone()).collect();
    }
}

/// The parts of a name: those without quotes in small letters.
fn parts<'a>(idents: impl Iterator<Item = &'a Ident>) -> Vec<String> {
    idents
        .map(|ident| match ident.quote_style {
            Some(_) => ident.value.clone(),
            None => ident.value.to_lowercase(),
        })
        .collect()
}

struct Finder<'t> {
    text: &'t str,
    walk: Walk,
    /// Names that `with` gives, for each query around.
    scopes: Vec<Vec<String>>,
    /// Names that the query gives to tables.
    aliases: Vec<(String, Vec<String>)>,
    writes: Option<&'static str>,
    unmarked: Option<String>,
}

impl Finder<'_> {
    fn is_own(&self, name: &[String]) -> bool {
        matches!(name, [only] if self.scopes.iter().flatten().any(|known| known == only))
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&Ident>) {
        let idents: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        let parts = parts(idents.iter().copied());
        if parts.is_empty() || self.is_own(&parts) {
            return;
        }
        let (Some(first), Some(last)) = (idents.first(), idents.last()) else {
            return;
        };
        let Some(bytes) = text::bytes(self.text, Span::new(first.span.start, last.span.end)) else {
            self.unmarked.get_or_insert(name.to_string());
            return;
        };
        let at = Position {
            line: first.span.start.line,
            column: first.span.start.column,
        };
        if let Some(alias) = alias {
            let alias = crate::walk::parts(std::iter::once(alias)).concat();
            self.aliases.push((alias, parts.clone()));
        }
        let known = self.walk.tables.iter().position(|table| table.parts == parts);
        let number = known.unwrap_or_else(|| {
            self.walk.tables.push(TableName { parts, at: Some(at) });
            self.walk.tables.len() - 1
        });
        if let Some(at_first) = self.walk.tables[number].at
            && at < at_first
        {
            self.walk.tables[number].at = Some(at);
        }
        let what = What::Table(number, alias.is_some());
        self.mark(Mark { bytes, what });
    }

    /// Queries of `with` are seen twice, so that a mark may be there.
    fn mark(&mut self, mark: Mark) {
        if self.walk.marks.iter().all(|known| known.bytes != mark.bytes) {
            self.walk.marks.push(mark);
        }
    }
}

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        self.writes.get_or_insert(match statement {
            Statement::Insert(_) => "insert",
            Statement::Update(_) => "update",
            Statement::Delete(_) => "delete",
            Statement::Merge(_) => "merge",
            _ => "another statement within the query",
        });
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if !query.locks.is_empty() {
            self.writes.get_or_insert("for update");
        }
        let mut bodies = vec![query.body.as_ref()];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::SetOperation { left, right, .. } => bodies.extend([left.as_ref(), right.as_ref()]),
                SetExpr::Table(table) => {
                    self.unmarked.get_or_insert(table.to_string());
                }
                _ => {}
            }
        }
        self.scopes.push(Vec::new());
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                let name = parts(std::iter::once(&cte.alias.name));
                // One that does not recur means another table by its own name, and knows only those before it.
                if !with.recursive {
                    let _ = cte.query.visit(self);
                }
                if let Some(scope) = self.scopes.last_mut() {
                    scope.extend(name);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if select.into.is_some() {
            self.writes.get_or_insert("select .. into");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            alias,
            args: None,
            ..
        } = factor
        {
            self.table(name, alias.as_ref().map(|alias| &alias.name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        let Value::Placeholder(name) = &value.value else {
            return ControlFlow::Continue(());
        };
        let Some(bytes) = text::bytes(self.text, value.span()) else {
            self.unmarked.get_or_insert(name.clone());
            return ControlFlow::Continue(());
        };
        let name = name.trim_start_matches(['$', ':']).to_owned();
        let known = self.walk.parameters.iter().position(|known| *known == name);
        let number = known.unwrap_or_else(|| {
            self.walk.parameters.push(name);
            self.walk.parameters.len() - 1
        });
        let what = What::Parameter(number);
        self.mark(Mark { bytes, what });
        ControlFlow::Continue(())
    }
}

/// Finds whole names of tables in front of columns, which no alias has.
struct Prefixes<'t> {
    text: &'t str,
    walk: &'t Walk,
    found: Vec<Mark>,
}

impl Prefixes<'_> {
    fn over(mut self, query: &Query) -> Vec<Mark> {
        let _ = query.visit(&mut self);
        self.found
    }

    fn prefix(&mut self, idents: &[Ident]) {
        let parts = parts(idents.iter());
        // One that has another name everywhere is not meant by its own.
        let bare = |number: &usize| {
            let what = What::Table(*number, false);
            self.walk.marks.iter().any(|mark| mark.what == what)
        };
        let known = self.walk.tables.iter().position(|table| table.parts == parts);
        let known = known.filter(|_| parts.len() > 1).filter(bare);
        let (Some(first), Some(last), Some(number)) = (idents.first(), idents.last(), known) else {
            return;
        };
        if let Some(bytes) = text::bytes(self.text, Span::new(first.span.start, last.span.end)) {
            let what = What::Prefix(number);
            self.found.push(Mark { bytes, what });
        }
    }
}

impl Prefixes<'_> {
    /// A column behind its table's name.
    fn column(&mut self, idents: &[Ident]) {
        if let Some((_, table)) = idents.split_last() {
            self.prefix(table);
        }
    }

    /// A column, and a part of its value.
    fn path(&mut self, root: &Expr, chain: &[AccessExpr]) {
        let of = |expr: &Expr| match expr {
            Expr::Identifier(ident) => Some(ident.clone()),
            _ => None,
        };
        let below = chain.iter().map_while(|access| match access {
            AccessExpr::Dot(expr) => of(expr),
            AccessExpr::Subscript(_) => None,
        });
        let Some(first) = of(root) else { return };
        let idents: Vec<Ident> = std::iter::once(first).chain(below).collect();
        self.column(&idents);
    }

    /// All columns of a table.
    fn whole(&mut self, name: &ObjectName) {
        let idents: Vec<Ident> = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
        self.prefix(&idents);
    }

    fn arguments(&mut self, arguments: &[FunctionArg]) {
        for argument in arguments {
            let (FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } | FunctionArg::Unnamed(arg)) =
                argument;
            if let FunctionArgExpr::QualifiedWildcard(name) = arg {
                self.whole(name);
            }
        }
    }
}

impl Visitor for Prefixes<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::CompoundIdentifier(idents) => self.column(idents),
            Expr::CompoundFieldAccess { root, access_chain } => self.path(root, access_chain),
            Expr::QualifiedWildcard(name, _) => self.whole(name),
            Expr::Function(function) => {
                if let FunctionArguments::List(list) = &function.args {
                    self.arguments(&list.args);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { args: Some(args), .. } => self.arguments(&args.args),
            TableFactor::Function { args, .. } => self.arguments(args),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item {
                self.whole(name);
            }
        }
        ControlFlow::Continue(())
    }
}
