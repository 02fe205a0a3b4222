//! The baseline: an axum handler that reads the request body and sends fixed bytes.

use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::post;

/// Serves a file; `.br` at the end of its name is its coding.
pub(crate) async fn serve(file: &Path) {
    let body = Bytes::from(std::fs::read(file).expect("the file"));
    let is_coded = file.extension().is_some_and(|ending| ending == "br");
    let answer = move |_: Bytes| async move {
        let kind = (CONTENT_TYPE, "application/json; charset=utf-8");
        if is_coded { ([kind, (CONTENT_ENCODING, "br")], body).into_response() } else { ([kind], body).into_response() }
    };
    listen(Router::new().route("/graphql", post(answer))).await;
}

/// Serves on a free port, and prints it.
#[expect(clippy::print_stderr, reason = "whoever started it reads where it listens")]
pub(crate) async fn listen(router: Router) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    eprintln!("listening on http://{}", listener.local_addr().expect("an address"));
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // The option fails only for a closed socket.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await.expect("served");
}
