//! What a query runs in.

use crate::connect::{client_type, tried, user};
use crate::error::map;
use crate::files::Files;
use crate::operation::Operation;
use crate::refusal::Refusal;
use crate::rows::Rows;
use crate::settings::Settings;
use crate::sql::Sql;
use crate::types::arrow_schema;
use crate::write::{self, Target, Written};
use arrow_schema::SchemaRef;
use larder_io_core::{Error, ErrorKind, Result};
use spark_connect_core::SparkConnectClient;
use spark_connect_proto as proto;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long the server may take to let go of something.
const RELEASE: Duration = Duration::from_secs(10);

/// A session at the server: views, settings, and the queries that use them.
///
/// Its time zone is UTC and its arithmetic that of ANSI: a division by zero is an error.
pub struct Session {
    link: Arc<Link>,
}

/// The session, shared by its operations: it ends when the last of them is gone.
pub(crate) struct Link {
    pub(crate) client: Arc<SparkConnectClient>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) place: Arc<str>,
    /// The server's own name for the session. Another one means another server.
    pub(crate) observed: Option<String>,
    pub(crate) runtime: Handle,
}

impl Drop for Link {
    fn drop(&mut self) {
        let client = Arc::clone(&self.client);
        // When it cannot be said, the server ends the session by itself in an hour.
        drop(
            self.runtime
                .spawn(async move { tokio::time::timeout(RELEASE, client.release_session()).await }),
        );
    }
}

impl Link {
    pub(crate) fn session_id(&self) -> String {
        self.client.session_id().to_owned()
    }

    pub(crate) fn user(&self) -> Option<proto::UserContext> {
        Some(user(&self.client))
    }

    /// The error of a refusal, after the server was asked for what it did not say at first.
    pub(crate) async fn error(&self, mut refusal: Refusal, what: &str) -> Error {
        if let Some(error_id) = refusal.id.clone() {
            let request = proto::FetchErrorDetailsRequest {
                session_id: self.session_id(),
                user_context: self.user(),
                client_type: Some(client_type()),
                error_id,
                ..Default::default()
            };
            let asked = tokio::time::timeout(RELEASE, self.client.fetch_error_details(request)).await;
            if let Ok(Ok(told)) = asked {
                refusal.learn(&told);
            }
        }
        map(&refusal, &self.place, what)
    }

    async fn analyze(
        &self,
        analyze: proto::analyze_plan_request::Analyze,
        what: &str,
    ) -> Result<proto::analyze_plan_response::Result> {
        let request = proto::AnalyzePlanRequest {
            session_id: self.session_id(),
            client_observed_server_side_session_id: self.observed.clone(),
            user_context: self.user(),
            client_type: Some(client_type()),
            analyze: Some(analyze),
        };
        let asked = tried(&self.settings, self.settings.idle, || {
            self.client.analyze_plan(request.clone())
        })
        .await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(refusal) => return Err(self.error(refusal, what).await),
        };
        answer.result.ok_or_else(|| self.odd(what))
    }

    fn odd(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Unexpected,
            format!(
                "{what} failed: the Spark Connect server at {} gave another answer than was asked for",
                self.place
            ),
        )
    }
}

impl Session {
    pub(crate) async fn open(client: SparkConnectClient, settings: Arc<Settings>, place: Arc<str>) -> Result<Self> {
        let what = "opening a session in Spark";
        let pairs = settings
            .of_session()?
            .into_iter()
            .map(|(key, value)| proto::KeyValue {
                key,
                value: Some(value),
            })
            .collect();
        let set = proto::config_request::Set { pairs, silent: None };
        let request = proto::ConfigRequest {
            session_id: client.session_id().to_owned(),
            user_context: Some(user(&client)),
            client_type: Some(client_type()),
            operation: Some(proto::config_request::Operation {
                op_type: Some(proto::config_request::operation::OpType::Set(set)),
            }),
            ..Default::default()
        };
        let mut link = Link {
            client: Arc::new(client),
            settings,
            place,
            observed: None,
            runtime: Handle::current(),
        };
        let asked = tried(&link.settings, link.settings.connect_timeout, || {
            link.client.config(request.clone())
        })
        .await;
        match asked {
            Ok(answer) => link.observed = Some(answer.server_side_session_id).filter(|id| !id.is_empty()),
            Err(refusal) => return Err(link.error(refusal, what).await),
        }
        Ok(Self { link: Arc::new(link) })
    }

    /// Makes files a view of this session. The name is one word to SQL, whatever is in it: `clean/flights` is `` `clean/flights` `` in a query.
    ///
    /// # Errors
    /// `InvalidDefinition` for a name that is empty; `Unsupported` for paths and columns that Spark cannot have; `NotFound` for a path that is
    /// not there, as far as Spark looks now; `Unavailable`.
    pub async fn view(&self, name: &str, files: &Files) -> Result<()> {
        if name.is_empty() {
            return Err(Error::new(ErrorKind::InvalidDefinition, "a view has an empty name"));
        }
        let command = proto::CreateDataFrameViewCommand {
            input: Some(files.relation()?),
            // Spark reads it as SQL: one word in backticks, as in a query.
            name: format!("`{}`", name.replace('`', "``")),
            is_global: false,
            replace: true,
        };
        self.command(
            proto::command::CommandType::CreateDataframeView(command),
            &format!("making the view `{name}`"),
        )
        .await
    }

    async fn command(&self, command: proto::command::CommandType, what: &str) -> Result<()> {
        let mut operation = Operation::start(Arc::clone(&self.link), write::plan(command), what).await?;
        while operation.next().await?.is_some() {}
        Ok(())
    }

    /// Runs a statement and drops its rows: for those that are run for what they do.
    ///
    /// # Errors
    /// As [`Session::rows`].
    ///
    /// # Cancel safety
    /// A dropped future ends the statement at the server. What it had done stays done.
    pub async fn run(&self, sql: &Sql) -> Result<()> {
        let mut operation = Operation::start(Arc::clone(&self.link), root(sql)?, "the statement").await?;
        while operation.next().await?.is_some() {}
        Ok(())
    }

    /// Runs a query and gives its rows, as they come. Memory is bounded by a few of the server's batches (4 MiB each).
    ///
    /// The server holds rows that are not taken yet: for large results, [`Session::write_parquet`] is the way.
    ///
    /// # Errors
    /// `InvalidDefinition` for a query that does not fit, with line and column where Spark tells them, and the nearest column to one that is not there;
    /// `InvalidData` for rows that cannot be computed; `PermissionDenied`; `Cancelled` after [`Session::cancel`]; `Timeout` when the server says
    /// nothing for longer than the settings allow; `Unavailable` when it is gone, or does not know the query any more.
    ///
    /// # Cancel safety
    /// A dropped future or stream ends the query at the server, by a task of the runtime. If the runtime ends before that, the server gives the query up by
    /// itself in five minutes (`spark.connect.execute.manager.detachedTimeout`).
    pub async fn rows(&self, sql: &Sql) -> Result<Rows> {
        let operation = Operation::start(Arc::clone(&self.link), root(sql)?, "the query").await?;
        Rows::begin(operation).await
    }

    /// The columns of a query's result. Nothing is run.
    ///
    /// # Errors
    /// As [`Session::rows`]; `Unsupported` for a type that Arrow does not have.
    pub async fn schema(&self, sql: &Sql) -> Result<SchemaRef> {
        let what = "the query";
        let schema = proto::analyze_plan_request::Schema { plan: Some(root(sql)?) };
        match self
            .link
            .analyze(proto::analyze_plan_request::Analyze::Schema(schema), what)
            .await?
        {
            proto::analyze_plan_response::Result::Schema(proto::analyze_plan_response::Schema {
                schema: Some(schema),
            }) => arrow_schema(&schema).map(Arc::new),
            _ => Err(self.link.odd(what)),
        }
    }

    /// How Spark would run a query, for people.
    ///
    /// # Errors
    /// As [`Session::rows`].
    pub async fn explain(&self, sql: &Sql) -> Result<String> {
        let what = "the query";
        let explain = proto::analyze_plan_request::Explain {
            plan: Some(root(sql)?),
            explain_mode: proto::analyze_plan_request::explain::ExplainMode::Formatted.into(),
        };
        match self
            .link
            .analyze(proto::analyze_plan_request::Analyze::Explain(explain), what)
            .await?
        {
            proto::analyze_plan_response::Result::Explain(explain) => Ok(explain.explain_string),
            _ => Err(self.link.odd(what)),
        }
    }

    /// Runs a query in the cluster, which writes its rows as Parquet files into a new directory; no row comes to the client.
    ///
    /// It has succeeded only when Spark said so and the files say so too: `_SUCCESS` is there, nothing unfinished is, the footers of all files
    /// have one schema, and their rows are as many as Spark counts when it reads them, and as the query gave on the way into them. The files are then on
    /// disk (`fsync`).
    ///
    /// # Errors
    /// As [`Session::rows`]; `AlreadyExists` when the directory is there; `InvalidData` when what was written is not what was said. After every error
    /// the directory is no result, whatever is in it: remove it. After `Unavailable`, `Timeout` and `Cancelled` the cluster may write to it for a while still, so
    /// take another one for the next try.
    ///
    /// # Cancel safety
    /// As [`Session::rows`]; the directory is no result.
    pub async fn write_parquet(&self, sql: &Sql, target: &Target) -> Result<Written> {
        write::write(&self.link, sql, target).await
    }

    /// Ends all that runs in this session. What waits for it gets `Cancelled`.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn cancel(&self) -> Result<()> {
        let link = &self.link;
        let asked = tried(&link.settings, link.settings.connect_timeout, || {
            link.client.interrupt_all()
        })
        .await;
        match asked {
            Ok(_) => Ok(()),
            Err(refusal) => Err(link.error(refusal, "cancelling in Spark").await),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({}, {})", self.link.place, self.link.client.session_id())
    }
}

fn root(sql: &Sql) -> Result<proto::Plan> {
    Ok(proto::Plan {
        op_type: Some(proto::plan::OpType::Root(sql.relation()?)),
    })
}
