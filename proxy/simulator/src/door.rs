//! A provider's listener that can be shut and opened again on the same port.
//!
//! While it is shut the port stays bound without listening: connections are refused by the system, and nobody else can
//! take the port.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Waits between attempts to take the port back, and after a failed accept.
const PAUSE: Duration = Duration::from_millis(20);

/// Shuts and opens a door from elsewhere.
#[derive(Clone, Debug)]
pub struct Handle {
    wishes: mpsc::Sender<(bool, oneshot::Sender<()>)>,
}

impl Handle {
    /// Opens or shuts the door, and returns when that is done. Nothing happens after the server has ended.
    pub async fn set_open(&self, open: bool) {
        let (done, wait) = oneshot::channel();
        if self.wishes.send((open, done)).await.is_ok() {
            let _ended = wait.await;
        }
    }
}

enum Socket {
    Open(TcpListener),
    /// Bound, not listening.
    Held(#[expect(dead_code, reason = "keeps the port taken until it is dropped")] TcpSocket),
    /// Between the two.
    Lost,
}

impl Socket {
    async fn next(&self) -> std::io::Result<(TcpStream, SocketAddr)> {
        match self {
            Self::Open(listener) => listener.accept().await,
            Self::Held(_) | Self::Lost => std::future::pending().await,
        }
    }
}

/// The listener that the server accepts from.
pub struct Door {
    address: SocketAddr,
    socket: Socket,
    wishes: mpsc::Receiver<(bool, oneshot::Sender<()>)>,
    /// Cancelled to close every connection accepted through the present opening.
    opening: CancellationToken,
    /// Parent of all openings: cancelled when the simulator has run out of patience at its end.
    all: CancellationToken,
}

impl Door {
    /// An open door around a bound listener. Cancelling `all` closes every connection for good.
    pub fn new(listener: TcpListener, all: CancellationToken) -> std::io::Result<(Self, Handle)> {
        let (sender, wishes) = mpsc::channel(8);
        let address = listener.local_addr()?;
        let opening = all.child_token();
        Ok((Self { address, socket: Socket::Open(listener), wishes, opening, all }, Handle { wishes: sender }))
    }

    async fn set_open(&mut self, open: bool) {
        match (&self.socket, open) {
            (Socket::Open(_), true) | (Socket::Held(_), false) => {}
            (_, true) => self.open().await,
            (_, false) => self.shut().await,
        }
    }

    async fn open(&mut self) {
        self.socket = Socket::Lost;
        self.opening = self.all.child_token();
        self.socket = loop {
            match TcpListener::bind(self.address).await {
                Ok(listener) => break Socket::Open(listener),
                Err(error) => tracing::warn!(address = %self.address, %error, "opening the port again"),
            }
            tokio::time::sleep(PAUSE).await;
        };
    }

    /// A listening socket and a bound one cannot share a port, so there is an instant in between.
    async fn shut(&mut self) {
        self.socket = Socket::Lost;
        self.opening.cancel();
        self.socket = loop {
            match self.held() {
                Ok(socket) => break Socket::Held(socket),
                Err(error) => tracing::debug!(address = %self.address, %error, "holding the port"),
            }
            tokio::time::sleep(PAUSE).await;
        };
    }

    fn held(&self) -> std::io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        Ok(socket)
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let accepted = tokio::select! {
                biased;
                Some((open, done)) = self.wishes.recv() => Err((open, done)),
                accepted = self.socket.next() => Ok(accepted),
            };
            match accepted {
                Err((open, done)) => {
                    self.set_open(open).await;
                    let _gone = done.send(());
                }
                Ok(Ok((stream, from))) => return (Connection::new(stream, &self.opening), from),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "accepting a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// A connection that fails as soon as its token is cancelled.
pub struct Connection {
    stream: TcpStream,
    token: CancellationToken,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    fn new(stream: TcpStream, opening: &CancellationToken) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "setting TCP_NODELAY");
        }
        let token = opening.child_token();
        let cut = Box::pin(token.clone().cancelled_owned());
        Self { stream, token, cut }
    }

    fn cut(&mut self, cx: &mut Context<'_>) -> Result<(), std::io::Error> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(std::io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        self.cut(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.cut(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Lets a handler cut the connection its request came by.
#[derive(Clone, Debug)]
pub struct Line(CancellationToken);

impl Line {
    /// Closes the connection without an answer.
    pub fn cut(&self) {
        self.0.cancel();
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        Self(stream.io().token.clone())
    }
}
