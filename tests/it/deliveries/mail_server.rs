//! A mail server that accepts one login and keeps what it receives (RFC 5321, RFC 4954).

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

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
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (mails, sessions) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (received, logged_in) = (Arc::clone(&mails), Arc::clone(&sessions));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // One session at a time. One that ends early has sent nothing.
                let _ = serve(socket, &received, &logged_in).await;
            }
        });
        Self { address, mails, sessions, _tasks: tasks }
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

async fn serve(socket: TcpStream, mails: &Mutex<Vec<Mail>>, logins: &Mutex<usize>) -> io::Result<()> {
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
async fn read_content(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut content = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(content.replace("\r\n", "\n"));
        }
        content.push_str(&line);
    }
}
