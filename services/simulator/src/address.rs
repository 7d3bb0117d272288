//! Ports that the system may choose, and telling others which one it was.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

pub(crate) async fn listen(wanted: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(wanted).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Writes the address to a file. The file appears complete or not at all, because others wait for it to appear.
pub(crate) async fn announce(file: Option<&Path>, address: SocketAddr) -> io::Result<()> {
    let Some(file) = file else { return Ok(()) };
    let unfinished = file.with_extension("unfinished");
    tokio::fs::write(&unfinished, format!("{address}\n")).await?;
    tokio::fs::rename(&unfinished, file).await
}
