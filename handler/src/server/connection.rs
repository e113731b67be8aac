//! One connection: hyper outside, [`respond()`] inside.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use super::activity::{Activity, Verdict};
use super::core::{Open, Shared};
use super::stream::Watched;
use crate::respond::{self, Answer, Request, Response, View, respond};
use crate::routes::RouteName;
use crate::rules::{self, Refusal};
use crate::signals::{Asked, Trouble};

/// What a peer gets whose request does not arrive in time: the engine would
/// say nothing.
const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// What a peer gets that is one too many.
const SERVICE_UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n\
    content-length: 0\r\n\r\n";

/// How long, and how many bytes, a peer may go on sending after the last
/// answer. Were the connection closed while something is unread, the system
/// would reset it, and the peer might never see all of that answer.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 16 << 20;

/// How long a new connection has for its first byte when the process ends: it
/// may be on its way.
const UNTOUCHED_GRACE: Duration = Duration::from_millis(100);

/// A request ended before its body did: there is nothing to answer.
#[derive(Debug, thiserror::Error)]
#[error("a request broke off in its body")]
struct BrokenOff;

/// How the engine has ended.
enum End {
    Served(hyper::Result<()>),
    Judged(Verdict),
}

/// Serves a connection until its peer or the process has had enough. What was
/// read is answered first.
pub(super) async fn serve(stream: TcpStream, open: Open) {
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!(error:% = error; "a connection is gone");
        return;
    }
    let (shared, activity) = (&*open.shared, &open.activity);
    let service = service_fn(|request| answer(shared, activity, request));
    let watched = Watched {
        stream,
        activity: Rc::clone(activity),
        flat: Rc::clone(&shared.flat),
    };
    let mut engine = shared
        .engine
        .serve_connection(TokioIo::new(watched), service);
    let end = loop {
        let end = poll_fn(|cx| match Pin::new(&mut engine).poll(cx) {
            Poll::Ready(served) => Poll::Ready(End::Served(served)),
            Poll::Pending => match activity.take_verdict(cx.waker()) {
                Some(verdict) => Poll::Ready(End::Judged(verdict)),
                None => Poll::Pending,
            },
        });
        match end.await {
            // What has begun is finished, and its answer says that it is the
            // last; the engine would drop what it has read so far.
            End::Judged(Verdict::Drain) if activity.has_begun() => {}
            // The first request may be on its way; the engine would not wait.
            End::Judged(Verdict::Drain) if activity.is_untouched() => {
                spawn_local(end_untouched(Rc::clone(activity)));
            }
            End::Judged(Verdict::Drain) => Pin::new(&mut engine).graceful_shutdown(),
            end => break end,
        }
    };
    let stream = engine.into_parts().io.into_inner().stream;
    match end {
        End::Served(Ok(())) => {}
        End::Served(Err(error)) => {
            let is_malformed = error.is_parse();
            shared.recorder.trouble(if is_malformed {
                Trouble::Malformed
            } else {
                Trouble::Aborted
            });
            log::debug!(error:% = error; "a connection ended badly");
            if is_malformed {
                activity.refuse();
            }
        }
        End::Judged(verdict) => {
            if let Some(trouble) = verdict.trouble() {
                shared.recorder.trouble(trouble);
            }
            if verdict == Verdict::HeaderTimeout {
                let _ = stream.try_write(REQUEST_TIMEOUT);
                activity.refuse();
            }
        }
    }
    if activity.lingers() {
        linger(stream).await;
    }
}

/// Ends a connection that has not asked for anything after a while.
async fn end_untouched(activity: Rc<Activity>) {
    tokio::time::sleep(UNTOUCHED_GRACE).await;
    if activity.is_untouched() {
        activity.judge(Verdict::Idle);
    }
}

/// Reads what a peer still sends after its last answer, for a while.
async fn linger(mut stream: TcpStream) {
    // The peer sees the end of the answer, and no more can come.
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut buffer = [0; 4096];
    let mut left = LINGER_BYTES_MAX;
    let _ = tokio::time::timeout(LINGER_TIME, async {
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            left = left.saturating_sub(count);
            if left == 0 {
                break;
            }
        }
    })
    .await;
}

async fn answer(
    shared: &Shared,
    activity: &Activity,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, BrokenOff> {
    let (head, mut body) = request.into_parts();
    let checked = rules::check(head.version, &head.uri, &head.headers, &shared.limits);
    let has_body = !body.is_end_stream();
    if checked.is_ok() && has_body {
        activity.is_reading();
        // Nobody wants it, but the next request is behind it.
        while let Some(frame) = body.frame().await {
            frame.map_err(|_| BrokenOff)?;
        }
    }
    let number = activity.answers(has_body);
    let recording = shared.recorder.start();
    let target = head.uri.path_and_query();
    let asked = Asked {
        method: &head.method,
        target: target.map_or("", |target| target.as_str()),
        version: head.version,
    };
    let mut answer = match checked {
        Ok(()) => {
            let generation = shared.generation.borrow();
            let request = Request {
                method: &head.method,
                target: asked.target,
                headers: &head.headers,
            };
            respond(
                &request,
                &View {
                    generation: generation.as_ref(),
                    state: &shared.state,
                    signals: shared.recorder.signals(),
                    now_seconds: shared.clock.second(),
                },
            )
        }
        Err(refusal) => {
            if refusal != Refusal::Expectation {
                activity.refuse();
            }
            refused(refusal, &head.headers)
        }
    };
    let is_last = activity.is_refused()
        || number >= shared.connection_requests_max
        || shared.state.is_stopping();
    if is_last || head.version < Version::HTTP_11 || head.headers.contains_key(CONNECTION) {
        activity.ends();
    }
    if is_last {
        let headers = answer.response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    shared.recorder.finish(recording, &asked, &answer);
    Ok(answer.response.map(Full::new))
}

fn refused(refusal: Refusal, request: &HeaderMap) -> Answer {
    let mut response = Response::new(Bytes::from(format!("{refusal}\n")));
    *response.status_mut() = refusal.status();
    respond::put_refusal_headers(request, response.headers_mut());
    Answer {
        route: RouteName::Refused,
        is_from_cache: false,
        response,
    }
}

/// Tells a peer that it is one too many, if it listens.
pub(super) fn turn_away(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _ = std::io::Write::write(&mut stream, SERVICE_UNAVAILABLE);
    }
}
