//! One connection: hyper outside, [`respond`] inside.

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::core::{Open, Shared};
use crate::respond::{Request, View, respond};
use crate::state::now_seconds;

/// Serves a connection until its peer or the process has had enough. What was
/// read is answered first.
pub(super) async fn serve(stream: TcpStream, open: Open, mut stop: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        log::debug!(error:% = error; "a connection is gone");
        return;
    }
    let shared = &*open.shared;
    let service = service_fn(|request| ready(Ok::<_, Infallible>(answer(shared, &request))));
    let engine = shared
        .engine
        .serve_connection(TokioIo::new(stream), service);
    let mut engine = pin!(engine);
    let served = tokio::select! {
        biased;
        served = engine.as_mut() => served,
        _ = stop.wait_for(|is_stopping| *is_stopping) => {
            engine.as_mut().graceful_shutdown();
            engine.await
        }
    };
    if let Err(error) = served {
        log::debug!(error:% = error; "a connection ended badly");
    }
}

fn answer(shared: &Shared, request: &hyper::Request<Incoming>) -> hyper::Response<Full<Bytes>> {
    let generation = shared.generation.borrow();
    let target = request.uri().path_and_query();
    let response = respond(
        &Request {
            method: request.method(),
            target: target.map_or("", |target| target.as_str()),
            headers: request.headers(),
        },
        &View {
            generation: generation.as_ref(),
            state: &shared.state,
            now_seconds: now_seconds(),
        },
    );
    response.map(Full::new)
}
