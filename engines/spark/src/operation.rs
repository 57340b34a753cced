//! One query or command at the server.

use crate::connect::{client_type, silence};
use crate::refusal::Refusal;
use crate::session::Link;
use crate::settings::Settings;
use larder_io_core::{Effect, Error, ErrorKind, Result};
use spark_connect_core::SparkError;
use spark_connect_proto as proto;
use spark_connect_proto::execute_plan_response::ResponseType;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::Streaming;

/// Bytes that are taken before the server is told that it need not keep them.
const RELEASED_AFTER: usize = 8 << 20;

/// How long the server may take to let go of something.
const RELEASE: Duration = Duration::from_secs(10);

/// How often an operation that was given up is looked for at the server: it may not have begun when it is asked to end.
const INTERRUPTS: u32 = 6;

/// A query or command that was begun. Dropped before its end, it is ended at the server.
pub(crate) struct Operation {
    link: Arc<Link>,
    id: String,
    what: String,
    stream: Option<Streaming<proto::ExecutePlanResponse>>,
    /// The last response that has a name: what the server sends of its progress has none.
    last: Option<String>,
    /// When the server spoke last.
    heard: Instant,
    /// Tries since it spoke last.
    tries: u32,
    taken: usize,
    /// Whether it is over at the server, one way or the other.
    over: bool,
}

impl Operation {
    pub(crate) async fn start(link: Arc<Link>, plan: proto::Plan, what: &str) -> Result<Self> {
        use proto::execute_plan_request::{RequestOption, request_option};
        let id = uuid::Uuid::new_v4().to_string();
        let reattach = proto::ReattachOptions { reattachable: true };
        let request = proto::ExecutePlanRequest {
            session_id: link.session_id(),
            client_observed_server_side_session_id: link.observed.clone(),
            user_context: link.user(),
            operation_id: Some(id.clone()),
            plan: Some(plan),
            client_type: Some(client_type()),
            request_options: vec![RequestOption {
                request_option: Some(request_option::RequestOption::ReattachOptions(reattach)),
            }],
            tags: Vec::new(),
        };
        let mut operation = Self {
            link,
            id,
            what: what.to_owned(),
            stream: None,
            last: None,
            heard: Instant::now(),
            tries: 0,
            taken: 0,
            over: false,
        };
        // A first answer that is lost is no reason to run it twice: the server refuses a second operation of this name.
        loop {
            let link = Arc::clone(&operation.link);
            let asked = tokio::time::timeout(link.settings.idle, link.client.execute_plan(request.clone())).await;
            let refusal = match asked {
                Ok(Ok(stream)) => {
                    operation.stream = Some(stream);
                    return Ok(operation);
                }
                Ok(Err(error)) => Refusal::from(error),
                Err(_) => silence(link.settings.idle),
            };
            if refusal.is_twice() {
                // It arrived the first time: `next` takes it up.
                return Ok(operation);
            }
            operation.again(refusal).await?;
        }
    }

    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The next response; none when the server has said that all is done. Nothing else is an end.
    pub(crate) async fn next(&mut self) -> Result<Option<proto::ExecutePlanResponse>> {
        while !self.over {
            let Some(stream) = &mut self.stream else {
                self.reattach().await?;
                continue;
            };
            // A connection may be dead without a word: half of the time allowed is left to take the operation up on another one.
            match tokio::time::timeout(self.link.settings.idle / 2, stream.message()).await {
                Ok(Ok(Some(response))) => {
                    if let Some(response) = self.heard_of(response).await? {
                        return Ok(Some(response));
                    }
                }
                // Servers end every stream after two minutes, and wait to be asked again.
                Ok(Ok(None)) => {
                    self.stream = None;
                    self.patience().await?;
                }
                Ok(Err(status)) => {
                    self.stream = None;
                    self.again(status.into()).await?;
                }
                Err(_) => {
                    self.stream = None;
                    self.patience().await?;
                }
            }
        }
        Ok(None)
    }

    async fn heard_of(&mut self, response: proto::ExecutePlanResponse) -> Result<Option<proto::ExecutePlanResponse>> {
        self.heard = Instant::now();
        self.tries = 0;
        if !response.response_id.is_empty() {
            self.last = Some(response.response_id.clone());
        }
        match &response.response_type {
            Some(ResponseType::ResultComplete(_)) => {
                self.over = true;
                self.stream = None;
                // The result is there, whatever becomes of this.
                let _ = tokio::time::timeout(RELEASE, release(&self.link, &self.id, None)).await;
                return Ok(None);
            }
            Some(ResponseType::ArrowBatch(batch)) => self.taken += batch.data.len(),
            _ => {}
        }
        if self.taken >= RELEASED_AFTER {
            self.taken = 0;
            let _ = tokio::time::timeout(RELEASE, release(&self.link, &self.id, self.last.clone())).await;
        }
        Ok(Some(response))
    }

    async fn reattach(&mut self) -> Result<()> {
        let request = proto::ReattachExecuteRequest {
            session_id: self.link.session_id(),
            client_observed_server_side_session_id: self.link.observed.clone(),
            user_context: self.link.user(),
            operation_id: self.id.clone(),
            client_type: Some(client_type()),
            last_response_id: self.last.clone(),
        };
        // The answer begins with the first response, so it may take as long as that.
        let asked = tokio::time::timeout(self.link.settings.idle / 2, self.link.client.reattach_execute(request)).await;
        match asked {
            Ok(Ok(stream)) => self.stream = Some(stream),
            Ok(Err(error)) => self.again(error.into()).await?,
            Err(_) => self.patience().await?,
        }
        Ok(())
    }

    /// Waits before the next try, where there is to be one.
    async fn again(&mut self, refusal: Refusal) -> Result<()> {
        self.tries += 1;
        if !refusal.is_passing() || self.tries >= self.link.settings.tries.max(1) {
            // What the server refused is over there; what it did not answer may go on.
            self.over = !refusal.is_passing();
            let error = self.link.error(refusal, &self.what).await;
            return Err(error.with_attempts(self.tries));
        }
        tokio::time::sleep(Settings::pause(self.tries)).await;
        self.patience().await
    }

    /// # Errors
    /// `Timeout` when the server has said nothing for too long.
    async fn patience(&self) -> Result<()> {
        let idle = self.link.settings.idle;
        if self.heard.elapsed() < idle {
            // Streams that end as soon as they begin must not keep both sides busy.
            tokio::time::sleep(Duration::from_millis(20)).await;
            return Ok(());
        }
        let message = format!(
            "{} failed: Spark at {} has said nothing of it for {idle:?}; is the cluster alive, and has it free executors?",
            self.what, self.link.place
        );
        Err(Error::new(ErrorKind::Timeout, message).with_effect(Effect::Unknown))
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (link, id) = (Arc::clone(&self.link), std::mem::take(&mut self.id));
        let runtime = link.runtime.clone();
        // The session ends after it, because this holds it.
        drop(runtime.spawn(async move { interrupt(&link, &id).await }));
    }
}

/// Ends an operation that nobody waits for any more.
async fn interrupt(link: &Link, id: &str) {
    for number in 1..=INTERRUPTS {
        let asked = tokio::time::timeout(RELEASE, link.client.interrupt_operation(id)).await;
        if matches!(asked, Ok(Ok(ended)) if !ended.is_empty()) {
            break;
        }
        tokio::time::sleep(Settings::pause(number)).await;
    }
    let _ = tokio::time::timeout(RELEASE, release(link, id, None)).await;
}

/// Tells the server that it need not keep responses: those up to this one, or all.
async fn release(link: &Link, id: &str, until: Option<String>) -> Result<(), SparkError> {
    use proto::release_execute_request::{Release, ReleaseAll, ReleaseUntil};
    let request = proto::ReleaseExecuteRequest {
        session_id: link.session_id(),
        client_observed_server_side_session_id: link.observed.clone(),
        user_context: link.user(),
        operation_id: id.to_owned(),
        client_type: Some(client_type()),
        release: Some(match until {
            Some(response_id) => Release::ReleaseUntil(ReleaseUntil { response_id }),
            None => Release::ReleaseAll(ReleaseAll {}),
        }),
    };
    link.client.release_execute(request).await.map(|_| ())
}
