//! What Spark said, taken apart. It says what its refusals mean in `error`.

use spark_connect_core::SparkError;
use spark_connect_proto::FetchErrorDetailsResponse;

/// A refusal by the server, or by the way to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// gRPC's code.
    pub(crate) code: i32,
    /// Spark's class, such as `DIVIDE_BY_ZERO`; empty where it gave none.
    pub(crate) class: String,
    /// The SQL state.
    pub(crate) state: Option<String>,
    pub(crate) message: String,
    /// By which the server tells more.
    pub(crate) id: Option<String>,
    /// Java's classes of the exceptions, the outermost first, without their packages.
    pub(crate) exceptions: Vec<String>,
    /// Spark's name for a column or table that it does not know, and those that come near, the nearest first; with backticks.
    pub(crate) object: Option<String>,
    pub(crate) near: Option<String>,
    /// Whether the server gave details: whatever it says itself has some, what a broken link says has none.
    pub(crate) detailed: bool,
    /// Line and column, both from 1.
    pub(crate) at: Option<(u64, u64)>,
}

impl Refusal {
    /// Whether the way to the server broke, or the server asked to come back: it may know the operation still.
    pub(crate) fn is_passing(&self) -> bool {
        // Unknown, Internal and Unavailable: what is said of a connection that is lost depends on the moment. So is a call that was under way when the
        // connection ended: the client's own library calls it cancelled, a server gives details to that.
        let lost =
            matches!(self.code, 2 | 13 | 14) || (self.code == 1 && self.message.contains("operation was canceled"));
        (!self.detailed && lost) || self.class == "INVALID_CURSOR.DISCONNECTED"
    }

    /// Whether the server knows the operation or its session no more: another server, or one that was started anew.
    pub(crate) fn is_forgotten(&self) -> bool {
        let lost = self.class.starts_with("INVALID_HANDLE.") || self.class.starts_with("INVALID_CURSOR.");
        lost && !self.is_passing()
    }

    /// Whether it has the operation already.
    pub(crate) fn is_twice(&self) -> bool {
        self.class == "INVALID_HANDLE.OPERATION_ALREADY_EXISTS"
    }

    /// Takes what the server told when it was asked for more.
    pub(crate) fn learn(&mut self, told: &FetchErrorDetailsResponse) {
        let Some(root) = told.root_error_idx.and_then(|at| usize::try_from(at).ok()) else {
            return;
        };
        let (mut next, mut depth) = (Some(root), 0);
        // A damaged answer may go round in a circle.
        while let Some(error) = next.and_then(|at| told.errors.get(at)).filter(|_| depth < 32) {
            let thrown = error.spark_throwable.as_ref();
            let class = thrown
                .and_then(|thrown| thrown.error_class.as_deref())
                .unwrap_or_default();
            let wraps = self.class.is_empty() || WRAPPERS.iter().any(|wrapper| self.class.starts_with(wrapper));
            self.exceptions
                .extend(error.error_type_hierarchy.iter().take(1).map(|name| simple(name)));
            if depth == 0 || (wraps && !class.is_empty()) {
                self.class = class.to_owned();
                self.state = thrown.and_then(|thrown| thrown.sql_state.clone());
                self.message.clone_from(&error.message);
                let parameter = |name: &str| thrown.and_then(|thrown| thrown.message_parameters.get(name).cloned());
                self.object = parameter("objectName")
                    .or_else(|| parameter("relationName"))
                    .or_else(|| parameter("path"));
                self.near = parameter("proposal");
                let contexts = thrown
                    .map(|thrown| thrown.query_contexts.as_slice())
                    .unwrap_or_default();
                let at = contexts.iter().find_map(|context| position(&context.summary));
                self.at = at.or_else(|| position(&error.message));
            }
            next = error.cause_idx.and_then(|at| usize::try_from(at).ok());
            depth += 1;
        }
    }
}

/// Classes that say only that something else failed.
const WRAPPERS: [&str; 3] = ["TASK_WRITE_FAILED", "FAILED_EXECUTE_UDF", "_LEGACY_ERROR"];

impl From<SparkError> for Refusal {
    fn from(error: SparkError) -> Self {
        let parameter = |name: &str| error.params.get(name).cloned();
        let exceptions: Vec<String> = error
            .params
            .get("classes")
            .and_then(|text| serde_json::from_str::<Vec<String>>(text).ok())
            .unwrap_or_default();
        let of_message: std::collections::BTreeMap<String, String> = error
            .params
            .get("messageParameters")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let message = error.message.clone();
        Self {
            code: error.grpc_code.unwrap_or(2),
            // Without a class of Spark's, the crate gives Java's here.
            class: parameter("errorClass").unwrap_or_default(),
            state: error.sql_state.clone(),
            id: parameter("errorId"),
            exceptions: exceptions.iter().take(1).map(|name| simple(name)).collect(),
            object: of_message
                .get("objectName")
                .or_else(|| of_message.get("relationName"))
                .or_else(|| of_message.get("path"))
                .cloned(),
            near: of_message.get("proposal").cloned(),
            detailed: error.grpc_details.is_some(),
            at: position(&message),
            message,
        }
    }
}

impl From<tonic::Status> for Refusal {
    fn from(status: tonic::Status) -> Self {
        SparkError::from_grpc_status(status).into()
    }
}

fn simple(name: &str) -> String {
    name.rsplit(['.', '$']).next().unwrap_or(name).to_owned()
}

/// Where in the text it is wrong. Spark counts columns from 0 where it says `pos`, as in `(line 1, pos 7)` and `; line 1 pos 7;`, and from
/// 1 where it says `position`, as in `== SQL (line 1, position 8) ==`.
pub(crate) fn position(message: &str) -> Option<(u64, u64)> {
    message.match_indices("line ").find_map(|(at, word)| {
        let (line, rest) = number(&message[at + word.len()..])?;
        let rest = rest.trim_start_matches(',').strip_prefix(' ')?;
        let (word, rest) = rest.split_once(' ')?;
        let (column, _) = number(rest)?;
        match word {
            "pos" => Some((line, column.checked_add(1)?)),
            "position" => Some((line, column)),
            _ => None,
        }
    })
}

fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::{Refusal, position};
    use spark_connect_proto::FetchErrorDetailsResponse;
    use spark_connect_proto::fetch_error_details_response::{Error, SparkThrowable};

    #[test]
    fn positions_are_from_one() {
        assert_eq!(
            position("x. SQLSTATE: 42601 (line 2, pos 7)\n\n== SQL =="),
            Some((2, 8))
        );
        assert_eq!(position("x\n== SQL (line 1, position 8) ==\nselect y"), Some((1, 8)));
        let plan = "cannot be resolved. SQLSTATE: 42703; line 1 pos 7;\n'Project ['idd]";
        assert_eq!(position(plan), Some((1, 8)));
        assert_eq!(position("the line 7 is long (line 2, pos 4)"), Some((2, 5)));
        for none in [
            "",
            "(line ",
            "(line 1",
            "(line x, pos 1)",
            "(line 1, pos )",
            "(line 1, pos 99999999999999999999)",
            "(line 1, pos 18446744073709551615)",
        ] {
            assert_eq!(position(none), None, "{none}");
        }
    }

    #[test]
    fn what_only_wraps_gives_way_to_its_cause() {
        let error = |class: Option<&str>, message: &str, cause_idx| Error {
            message: message.to_owned(),
            cause_idx,
            spark_throwable: class.map(|class| SparkThrowable {
                error_class: Some(class.to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let told = FetchErrorDetailsResponse {
            root_error_idx: Some(0),
            errors: vec![
                error(None, "Job aborted", Some(1)),
                error(Some("TASK_WRITE_FAILED"), "a task", Some(2)),
                error(Some("DIVIDE_BY_ZERO"), "a division", Some(3)),
                error(Some("OTHER"), "deeper", Some(0)),
            ],
            ..Default::default()
        };
        let mut refusal = Refusal::default();
        refusal.learn(&told);
        assert_eq!(
            (refusal.class.as_str(), refusal.message.as_str()),
            ("DIVIDE_BY_ZERO", "a division")
        );
        let mut refusal = Refusal::default();
        refusal.learn(&FetchErrorDetailsResponse::default());
        assert_eq!(refusal, Refusal::default());
    }
}
