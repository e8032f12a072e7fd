//! The command line's way to a running gateway: `<state>/run/gateway.sock`, for this user alone.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};
use tracing::{debug, warn};

use crate::{
    Gateway, http,
    local::api,
    local_client,
    protocol::frame::{Request, Response},
    store::paths::StateDir,
};

/// The longest request line.
const LINE_LIMIT: u64 = 64 * 1024;
/// A caller has so long for its next line.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes the socket of a state folder, wherever its path is short enough, and says where that is.
pub(crate) fn open(state: &StateDir) -> io::Result<(PathBuf, UnixListener)> {
    let place = local_client::door::place(state)?;
    crate::store::private::ensure_dir(&state.run()).map_err(io::Error::other)?;
    let listener = bind(&place)?;
    local_client::door::point(state, &place)?;
    Ok((place, listener))
}

/// Makes the socket, 0600 from the first moment: its folder is 0700, and a left-over one is in its place.
fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        crate::store::private::ensure_dir(folder).map_err(io::Error::other)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until the gateway stops.
pub(crate) async fn serve(gateway: Arc<Gateway>, listener: UnixListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = gateway.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let gateway_of_task = Arc::clone(&gateway);
                gateway.tracker.spawn(async move {
                    tokio::select! {
                        ended = talk(&gateway_of_task, stream) => {
                            if let Err(error) = ended {
                                debug!(%error, "a command line has gone");
                            }
                        }
                        () = gateway_of_task.stop.cancelled() => {}
                    }
                });
            }
            Err(error) => {
                warn!(%error, "cannot accept a command line");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn talk(gateway: &Arc<Gateway>, stream: UnixStream) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    if peer != crate::world::user() && peer != 0 {
        warn!(uid = peer, "another user's command line was refused");
        return Ok(());
    }
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = String::new();
        let mut limited = (&mut lines).take(LINE_LIMIT);
        let Ok(read) = tokio::time::timeout(PATIENCE, limited.read_line(&mut line)).await else {
            return Ok(());
        };
        if read? == 0 || !line.ends_with('\n') {
            return Ok(());
        }
        let mut speaks_protocol = false;
        let response = match Request::parse(&line) {
            Ok(request) if request.method == local_client::PROTOCOL => {
                speaks_protocol = true;
                Response::done(&request.id, serde_json::json!({}))
            }
            Ok(request) => api::answer(gateway, &request).await,
            Err(refusal) => *refusal,
        };
        let mut bytes = serde_json::to_vec(&response)?;
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
        if speaks_protocol {
            // What a client says before it has the answer belongs to nothing.
            if lines.buffer().is_empty() {
                let stream = lines.into_inner().reunite(write).map_err(io::Error::other)?;
                http::serve_own(Arc::clone(gateway), stream).await;
            }
            return Ok(());
        }
    }
}
