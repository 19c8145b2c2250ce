//! Whether Redis answers: a PING over a connection of its own, as the sending side's may hang with it.

use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(1);

/// Fails with the reason; no Redis configured is fine.
pub(super) async fn check(redis: Option<&Url>) -> Result<(), String> {
    let Some(url) = redis else { return Ok(()) };
    match tokio::time::timeout(PATIENCE, ping(url)).await {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("no answer within a second".to_owned()),
    }
}

/// Any answer of the protocol will do, `-NOAUTH` too: it is there. Over TLS the handshake is left to the worker, a
/// connection must do.
async fn ping(url: &Url) -> std::io::Result<()> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, url.port().unwrap_or(6379))).await?;
    if url.scheme() == "rediss" {
        return Ok(());
    }
    stream.write_all(b"PING\r\n").await?;
    let mut first = [0u8; 1];
    stream.read_exact(&mut first).await?;
    match first[0] {
        b'+' | b'-' => Ok(()),
        _ => Err(std::io::Error::other("not Redis")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_redis_all_is_well_and_with_a_dead_one_not() {
        assert!(check(None).await.is_ok());
        let port = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        };
        let url = Url::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
        assert!(check(Some(&url)).await.is_err());
    }
}
