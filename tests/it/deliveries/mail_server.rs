//! A mail server that accepts one login and keeps what it receives (RFC 5321, RFC 4954).

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A mail as received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mail {
    /// Sender and recipients of the envelope.
    pub envelope: Vec<String>,
    /// Header and text.
    pub content: String,
}

impl Mail {
    /// Returns the value of a header field.
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.content.lines().take_while(|line| !line.is_empty());
        lines.filter_map(|line| line.split_once(": ")).find(|(field, _)| *field == name).map_or("", |(_, value)| value)
    }
}

pub(crate) struct MailServer {
    address: String,
    mails: Arc<Mutex<Vec<Mail>>>,
    sessions: Arc<Mutex<usize>>,
    _tasks: JoinSet<()>,
}

/// User of the server.
const USER: &str = "ticketgraph";
/// Password of the user, written in URLs as it is.
pub(crate) const PASSWORD: &str = "mail-password";

impl MailServer {
    pub(crate) async fn start() -> Self {
        Self::serving(None).await
    }

    /// Starts a server that speaks TLS from the first byte, for `localhost`. Returns its certificate in PEM.
    pub(crate) async fn start_tls() -> (Self, String) {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_no_client_auth();
        let config = config.with_single_cert(vec![own.cert.der().clone()], key).expect("a key that fits");
        (Self::serving(Some(TlsAcceptor::from(Arc::new(config)))).await, own.cert.pem())
    }

    async fn serving(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (mails, sessions) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (received, logged_in) = (Arc::clone(&mails), Arc::clone(&sessions));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // One session at a time. One that ends early has sent nothing.
                let _ = match &tls {
                    None => serve(socket, &received, &logged_in).await,
                    Some(tls) => match tls.accept(socket).await {
                        Ok(socket) => serve(socket, &received, &logged_in).await,
                        Err(error) => Err(error),
                    },
                };
            }
        });
        Self { address, mails, sessions, _tasks: tasks }
    }

    /// URL with the login, over TLS.
    pub(crate) fn tls_url(&self) -> String {
        let (_, port) = self.address.rsplit_once(':').expect("a port");
        format!("smtps://{USER}:{PASSWORD}@localhost:{port}")
    }

    /// URL with the login.
    pub(crate) fn url(&self, password: &str) -> String {
        format!("smtp://{USER}:{password}@{}", self.address)
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.lock().expect("a lock").clone()
    }

    /// Number of successful logins.
    pub(crate) fn logins(&self) -> usize {
        *self.sessions.lock().expect("a lock")
    }
}

async fn serve(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    mails: &Mutex<Vec<Mail>>,
    logins: &Mutex<usize>,
) -> io::Result<()> {
    let mut stream = BufReader::new(socket);
    let login = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    let (mut mail, mut is_known) = (Mail::default(), false);
    stream.write_all(b"220 mail.example.org ESMTP\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        let reply = match line.split(' ').next().unwrap_or_default() {
            "EHLO" => "250-mail.example.org\r\n250 AUTH PLAIN",
            "AUTH" if line == format!("AUTH PLAIN {login}") => {
                is_known = true;
                *logins.lock().expect("a lock") += 1;
                "235 2.7.0 accepted"
            }
            "AUTH" => "535 5.7.8 refused",
            "MAIL" | "RCPT" if is_known => {
                mail.envelope.push(line.to_owned());
                "250 2.1.0 fine"
            }
            "DATA" if is_known => {
                stream.write_all(b"354 go on\r\n").await?;
                mail.content = read_content(&mut stream).await?;
                mails.lock().expect("a lock").push(std::mem::take(&mut mail));
                "250 2.0.0 queued"
            }
            "NOOP" => "250 2.0.0 fine",
            "QUIT" => "221 2.0.0 bye",
            _ => "530 5.7.0 no",
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
}

/// Reads a message up to the line with a full stop.
async fn read_content(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut content = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(content.replace("\r\n", "\n"));
        }
        content.push_str(&line);
    }
}
