//! Drives a [`Token`] with a WebSocket, HTTP and the clock: one task an agent.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep_until, timeout};
use tracing::{Instrument, debug, info_span};

use super::command::SEPARATORS;
use super::login;
use super::token::{LineUse, Output, Posted, Standing, Token};
use super::{Change, Choice, Disposal, Event, Question, TokenAgent, What};
use crate::agent::Service;
use crate::call::CallId;
use crate::call::state::DialBy;
use crate::config::{Commands, Ozonetel, Secret};
use crate::transport::Starts;
use crate::transport::websocket::{Reader, Received, Upgrade, Writer, open};

/// One agent's token socket. Dropping it closes the socket.
#[derive(Debug)]
pub struct TokenSocket {
    orders: mpsc::Sender<Order>,
    line: watch::Sender<LineUse>,
    stopped: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// A dial that wasn't taken; nothing more will be told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialRefused {
    #[error("Too many dials are waiting to be sent.")]
    QueueFull,
    #[error("The number holds \"{0}\", which can't be dialled by the provider.")]
    Forbidden(char),
    #[error("There is no number to dial.")]
    Empty,
    #[error("The agent's token socket was given up; GET /v1/lines says why.")]
    Stopped,
}

#[derive(Debug)]
enum Order {
    Dial {
        call: CallId,
        number: String,
        by: DialBy,
    },
    Check {
        call: CallId,
        ucid: String,
    },
    Release,
    Stand(Standing),
    Dispose(Disposal),
    Change(Change),
    Ask {
        question: Question,
        answer: oneshot::Sender<Result<Vec<Choice>, String>>,
    },
    Serve(Service),
    SignOut,
}

/// Opens an agent's token socket and keeps it open, on the current tokio runtime.
///
/// `events` is called from the socket's task and must not block.
pub fn connect(
    config: Arc<Ozonetel>,
    tls: Arc<rustls::ClientConfig>,
    starts: Starts,
    agent: TokenAgent,
    events: impl Fn(Event) + Send + Sync + 'static,
) -> TokenSocket {
    let (orders, taken) = mpsc::channel(ORDERS_AT_MOST);
    let (line, line_use) = watch::channel(LineUse::Idle);
    let stopped = Arc::new(AtomicBool::new(false));
    let span = info_span!("token", agent = agent.agent);
    let driver = Driver {
        name: agent.agent.clone(),
        token: Token::new(
            config.clone(),
            agent,
            uuid::Uuid::new_v4().to_string(),
            rand::random(),
        ),
        http: Http::new(&config, &tls),
        config,
        tls,
        starts,
        events,
        stopped: stopped.clone(),
        link: Link::None,
        posts: JoinSet::new(),
        placed: JoinSet::new(),
        cookies: None,
        asked: HashMap::new(),
        last_question: 0,
    };
    let task = tokio::spawn(driver.run(taken, line_use).instrument(span));
    TokenSocket {
        orders,
        line,
        stopped,
        task,
    }
}

impl TokenSocket {
    /// Asks the provider to ring the agent's phone, and then `number`. The outcome comes as [`What::Dial`].
    ///
    /// # Errors
    ///
    /// The number can't be sent, or the socket takes no more; there is no event then.
    pub fn dial(&self, call: CallId, number: &str, by: DialBy) -> Result<(), DialRefused> {
        let bad = |c: &char| SEPARATORS.contains(c) || c.is_control();
        if let Some(character) = number.chars().find(bad) {
            return Err(DialRefused::Forbidden(character));
        }
        if number.is_empty() {
            return Err(DialRefused::Empty);
        }
        if self.is_given_up() {
            return Err(DialRefused::Stopped);
        }
        let number = number.to_owned();
        self.orders
            .try_send(Order::Dial { call, number, by })
            .map_err(|_| DialRefused::QueueFull)
    }

    /// Another session has the agent, or the operator took it out of service: nothing is dialled in its name.
    pub fn is_given_up(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Asks what became of a dial. The answer comes as [`What::Checked`], if there is one.
    pub fn check(&self, call: CallId, ucid: String) {
        if self.orders.try_send(Order::Check { call, ucid }).is_err() {
            debug!("too much is waiting on the token socket; a dial's outcome isn't asked for");
        }
    }

    /// Tells the provider that the agent is ready again after wrap-up.
    pub fn release(&self) {
        if self.orders.try_send(Order::Release).is_err() {
            debug!("too much is waiting on the token socket; the release is left out");
        }
    }

    /// Tells the provider whether the agent may get calls; what it was told already isn't told twice.
    pub fn stand(&self, standing: Standing) {
        if self.orders.try_send(Order::Stand(standing)).is_err() {
            debug!("too much is waiting on the token socket; how the agent stands is left out");
        }
    }

    /// Closes a call at the provider. The outcome comes as [`What::Disposed`], unless `false` is returned.
    pub fn dispose(&self, disposal: Disposal) -> bool {
        self.orders.try_send(Order::Dispose(disposal)).is_ok()
    }

    /// Changes a call at the provider. The outcome comes as [`What::Changed`], unless `false` is returned.
    pub fn change(&self, change: Change) -> bool {
        self.orders.try_send(Order::Change(change)).is_ok()
    }

    /// Asks for a list. The answer may take as long as a command's reply.
    pub fn ask(
        &self,
        question: Question,
    ) -> impl Future<Output = Result<Vec<Choice>, String>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let taken = self.orders.try_send(Order::Ask { question, answer });
        async move {
            taken.map_err(|_| "Too much is waiting on the token socket.".to_owned())?;
            answered
                .await
                .unwrap_or_else(|_| Err("The token socket was closed.".to_owned()))
        }
    }

    /// Signs out and stays closed, or opens again what was closed or given up. `false`: it takes no orders now.
    pub fn serve(&self, service: Service) -> bool {
        self.orders.try_send(Order::Serve(service)).is_ok()
    }

    /// Signs the agent out at the provider, closes the socket, and returns once that is done.
    pub async fn sign_out(self) {
        if self.orders.try_send(Order::SignOut).is_ok() {
            // The task ends by itself; one that panicked has nothing more to say.
            let _ = self.task.await;
        }
    }

    /// The socket isn't renewed while the agent is in a call.
    pub fn set_in_call(&self, in_call: bool) {
        let line = if in_call {
            LineUse::InCall
        } else {
            LineUse::Idle
        };
        self.line
            .send_if_modified(|now| std::mem::replace(now, line) != line);
    }
}

struct Driver<E> {
    name: String,
    token: Token,
    config: Arc<Ozonetel>,
    tls: Arc<rustls::ClientConfig>,
    starts: Starts,
    http: Http,
    events: E,
    stopped: Arc<AtomicBool>,
    link: Link,
    posts: JoinSet<(u64, Posted)>,
    placed: JoinSet<(CallId, Posted)>,
    /// What the login page gave; they are good until a socket is refused.
    cookies: Option<Secret>,
    asked: HashMap<u64, oneshot::Sender<Result<Vec<Choice>, String>>>,
    last_question: u64,
}

/// The one socket, or the attempt at one.
enum Link {
    None,
    Opening(BoxFuture<'static, Result<Opened, String>>),
    Open(Reader, Writer),
}

/// A socket, and the cookies that opened it.
struct Opened {
    reader: Reader,
    writer: Writer,
    cookies: Option<Secret>,
}

/// What goes out.
enum Frame {
    Text(String),
    Ping,
}

/// What a socket did.
enum Happened {
    Opened(Result<Opened, String>),
    Received(Received),
}

impl<E: Fn(Event)> Driver<E> {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut line: watch::Receiver<LineUse>) {
        loop {
            self.drain().await;
            let deadline = self.token.poll_timeout();
            let waited = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::SignOut) => {
                        self.token.handle_sign_out(Instant::now());
                        self.drain().await;
                        // By HTTP the command is on its way beside the socket.
                        let posted = async { while self.posts.join_next().await.is_some() {} };
                        let _ = timeout(FAREWELL_PATIENCE, posted).await;
                        break;
                    }
                    Some(order) => self.take(order),
                    None => break,
                },
                Ok(()) = line.changed() => {
                    let line = *line.borrow_and_update();
                    self.token.handle_line_use(line, Instant::now());
                }
                happened = self.link.happened() => self.handle(happened),
                Some(posted) = self.posts.join_next() => {
                    let (utid, posted) = posted.expect("a post neither panics nor is aborted");
                    self.token.handle_posted(utid, posted, Instant::now());
                }
                Some(placed) = self.placed.join_next() => {
                    let (call, posted) = placed.expect("a post neither panics nor is aborted");
                    self.token.handle_placed(call, posted);
                }
                () = waited => self.token.handle_timeout(Instant::now()),
            }
        }
        self.link.close().await;
    }

    fn take(&mut self, order: Order) {
        let now = Instant::now();
        match order {
            Order::Dial { call, number, by } => match by {
                DialBy::Socket => self.token.handle_dial(call, &number, now),
                DialBy::Api => self.token.handle_place(call, &number),
            },
            Order::Check { call, ucid } => self.token.handle_check(call, &ucid, now),
            Order::Release => self.token.handle_release(now),
            Order::Stand(standing) => self.token.handle_standing(standing, now),
            Order::Dispose(disposal) => self.token.handle_dispose(&disposal, now),
            Order::Change(change) => self.token.handle_change(&change, now),
            Order::Ask { question, answer } => {
                self.last_question += 1;
                self.asked.insert(self.last_question, answer);
                self.token
                    .handle_question(self.last_question, question, now);
            }
            Order::Serve(service) => self.token.handle_service(service, now),
            Order::SignOut => self.token.handle_sign_out(now),
        }
    }

    fn handle(&mut self, happened: Happened) {
        let now = Instant::now();
        match happened {
            Happened::Opened(Ok(Opened {
                reader,
                writer,
                cookies,
            })) => {
                self.link = Link::Open(reader, writer);
                self.cookies = cookies;
                self.token.handle_connected(now);
            }
            Happened::Opened(Err(cause)) => {
                self.link = Link::None;
                self.cookies = None;
                self.token.handle_closed(&cause, now);
            }
            Happened::Received(Received::Closed(cause)) => {
                self.link = Link::None;
                self.token.handle_closed(&cause, now);
            }
            Happened::Received(Received::Message(bytes)) => {
                let text = String::from_utf8_lossy(&bytes);
                self.token.handle_text(&text, now);
            }
            Happened::Received(Received::Alive) => self.token.handle_pong(),
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.token.poll_output() {
            match output {
                Output::Connect => {
                    self.stopped.store(false, Ordering::Release);
                    self.link = self.opening();
                }
                Output::Close => self.link.close().await,
                Output::Send(text) => self.send(Frame::Text(text)).await,
                Output::Ping => self.send(Frame::Ping).await,
                Output::Post { utid, message } => {
                    let cookies = self.cookies.as_ref().or(self.config.cookies.as_ref());
                    let post = self.http.post(&self.config, message, cookies);
                    self.posts.spawn(async move { (utid, post.await) });
                }
                Output::Place { call, message } => {
                    let place = self.http.place(&self.config, message);
                    self.placed.spawn(async move { (call, place.await) });
                }
                Output::Answer { question, answer } => {
                    if let Some(asker) = self.asked.remove(&question) {
                        // Whoever asked may have given up.
                        let _ = asker.send(answer);
                    }
                }
                Output::Tell(what) => {
                    if let What::Stopped { .. } = what {
                        self.stopped.store(true, Ordering::Release);
                    }
                    let agent = self.name.clone();
                    (self.events)(Event { agent, what });
                }
            }
        }
    }

    fn opening(&self) -> Link {
        let Some(url) = self.config.websocket.clone() else {
            return Link::Opening(Box::pin(async {
                Err("no token socket is configured".to_owned())
            }));
        };
        let mut upgrade = Upgrade {
            url,
            origin: self.config.origin.clone(),
            subprotocol: self.config.subprotocol.clone(),
            user_agent: self.config.user_agent.clone(),
            cookies: self.cookies.clone().or(self.config.cookies.clone()),
            tls: self.tls.clone(),
        };
        let login = match (&self.config.login_url, &self.http.0, &self.cookies) {
            (Some(url), Some(client), None) => {
                Some((url.clone(), client.clone(), self.token.login_form()))
            }
            (Some(_) | None, _, _) => None,
        };
        let start = self.starts.reserve(Instant::now());
        Link::Opening(Box::pin(async move {
            sleep_until(start.into()).await;
            if let Some((url, client, form)) = login {
                let configured = upgrade.cookies.take();
                let given = login::log_in(&client, &url, form, configured.as_ref()).await?;
                upgrade.cookies = Some(given);
            }
            let (reader, writer) = open(&upgrade).await.map_err(|error| error.to_string())?;
            Ok(Opened {
                reader,
                writer,
                cookies: upgrade.cookies,
            })
        }))
    }

    async fn send(&mut self, frame: Frame) {
        let Link::Open(_, writer) = &mut self.link else {
            return;
        };
        let sent = async {
            match frame {
                Frame::Text(text) => writer.send(text.into()).await,
                Frame::Ping => writer.ping().await,
            }
        };
        let cause = match timeout(SEND_PATIENCE, sent).await {
            Ok(Ok(())) => return,
            Ok(Err(cause)) => cause,
            Err(_) => "the provider doesn't read".to_owned(),
        };
        self.link = Link::None;
        self.token.handle_closed(&cause, Instant::now());
    }
}

impl Link {
    /// Waits for the next thing; safe to be dropped and called again.
    async fn happened(&mut self) -> Happened {
        match self {
            Self::None => std::future::pending().await,
            Self::Opening(attempt) => Happened::Opened(attempt.await),
            Self::Open(reader, _) => Happened::Received(reader.read().await),
        }
    }

    async fn close(&mut self) {
        if let Self::Open(_, mut writer) = std::mem::replace(self, Self::None) {
            writer.close().await;
        }
    }
}

/// What goes by HTTP: commands where they don't go by the socket, dials by the public API, the login page.
struct Http(Option<reqwest::Client>);

impl Http {
    fn new(config: &Ozonetel, tls: &Arc<rustls::ClientConfig>) -> Self {
        let unused = (config.api.as_ref(), config.login_url.as_ref()) == (None, None);
        if config.commands == Commands::Socket && unused {
            return Self(None);
        }
        let mut builder = reqwest::Client::builder()
            .use_preconfigured_tls(tls.as_ref().clone())
            .redirect(reqwest::redirect::Policy::none());
        if let Some(user_agent) = &config.user_agent {
            builder = builder.user_agent(user_agent);
        }
        Self(Some(
            builder
                .build()
                .expect("a client out of a valid TLS configuration"),
        ))
    }

    fn post(
        &self,
        config: &Ozonetel,
        message: Map<String, Value>,
        cookies: Option<&Secret>,
    ) -> impl Future<Output = Posted> + Send + use<> {
        let request = match (&self.0, &config.command_url) {
            (Some(client), Some(url)) => Some(client.post(url)),
            (None, _) | (_, None) => None,
        };
        let request = request.map(|request| {
            let request = request.timeout(config.reply_timeout);
            let request = match &config.origin {
                Some(origin) => request.header(http::header::ORIGIN, origin),
                None => request,
            };
            let request = match cookies {
                Some(cookies) => request.header(http::header::COOKIE, cookies.expose()),
                None => request,
            };
            match config.commands {
                Commands::HttpForm => request.form(&form(message)),
                Commands::HttpJson | Commands::Socket => request.json(&message),
            }
        });
        async move {
            match request {
                Some(request) => posted(request).await,
                None => Posted::Unreachable("no command_url is configured".to_owned()),
            }
        }
    }

    /// A dial by the public API. It is a back end's interface: neither cookies nor an origin belong there.
    fn place(
        &self,
        config: &Ozonetel,
        message: Map<String, Value>,
    ) -> impl Future<Output = Posted> + Send + use<> {
        let request = match (&self.0, &config.api) {
            (Some(client), Some(api)) => Some(
                client
                    .post(&api.url)
                    .header("apiKey", api.key.expose())
                    .timeout(config.reply_timeout)
                    .json(&message),
            ),
            (None, _) | (_, None) => None,
        };
        async move {
            match request {
                Some(request) => posted(request).await,
                None => Posted::Unreachable("no api_url is configured".to_owned()),
            }
        }
    }
}

async fn posted(request: reqwest::RequestBuilder) -> Posted {
    // A reply is a few hundred bytes; the socket's limit is more than enough for it.
    let answered = async {
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_AT_MOST {
                break;
            }
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok::<_, reqwest::Error>(Posted::Answered { status, body })
    };
    answered
        .await
        .unwrap_or_else(|error| match error.is_connect() {
            true => Posted::Unreachable(error.without_url().to_string()),
            false => Posted::Lost(error.without_url().to_string()),
        })
}

/// A form's values are all text.
fn form(message: Map<String, Value>) -> BTreeMap<String, String> {
    message
        .into_iter()
        .map(|(key, value)| match value {
            Value::String(text) => (key, text),
            other => (key, other.to_string()),
        })
        .collect()
}

/// Dials and releases that wait for the task; an agent makes one at a time.
const ORDERS_AT_MOST: usize = 16;

/// A socket that takes no frame for so long is as good as closed.
const SEND_PATIENCE: Duration = Duration::from_secs(10);

/// A farewell isn't worth more waiting.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(1);

const BODY_AT_MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests;
