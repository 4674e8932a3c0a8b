//! The asking side: what `wickd status` and its like send to the running daemon.

use std::path::PathBuf;

use serde_json::Value;
use wickd_egress::local::{self, LocalError, Method};

use crate::cli::StatePath;
use crate::config::Config;
use crate::exit::{Exit, Failure};

/// The daemon of one state folder.
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    /// The daemon whose state folder was named, or whose configuration was.
    ///
    /// # Errors
    /// The configuration that names the folder is wrong.
    pub(crate) fn of(state: &StatePath) -> Result<Self, Failure> {
        Ok(Self { socket: super::socket(&state.dir()?) })
    }

    /// Reads.
    ///
    /// # Errors
    /// No daemon answers, or it refuses.
    pub(crate) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, &Value::Null)
    }

    /// Changes.
    ///
    /// # Errors
    /// No daemon answers, or it refuses.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::POST, path, body)
    }

    fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let (status, answer) = local::call(&self.socket, method, path, body)?;
        let value: Value = serde_json::from_slice(&answer).map_err(|error| {
            Failure::of(Exit::Unexpected, "wickd's answer is no JSON", &error)
                .hint("is the running daemon of the same version?")
        })?;
        if status.is_success() {
            return Ok(value);
        }
        let text = value["text"].as_str().unwrap_or("wickd refuses").to_owned();
        let failure = Failure::new(Exit::Refused, text);
        Err(match value["fix"].as_str() {
            Some(fix) => failure.hint(fix),
            None => failure,
        })
    }
}

impl StatePath {
    /// The state folder.
    ///
    /// # Errors
    /// The configuration that names it is wrong.
    pub(crate) fn dir(&self) -> Result<PathBuf, Failure> {
        match &self.state {
            Some(dir) => Ok(dir.clone()),
            None => Ok(Config::load(&self.config.config)?.plan.state_dir),
        }
    }
}

impl From<LocalError> for Failure {
    fn from(error: LocalError) -> Self {
        let hint = match &error {
            LocalError::NobodyThere(_) => {
                "start it with `wickd run`, or name its folder with `--state`"
            }
            LocalError::Denied(_) => "run this as the daemon's user, or as root",
            _ => "look at the daemon's log",
        };
        let exit = match &error {
            LocalError::NobodyThere(_) => Exit::NotRunning,
            LocalError::Denied(_) => Exit::Refused,
            _ => Exit::Unexpected,
        };
        Failure::of(exit, "the daemon cannot be asked", &error).hint(hint)
    }
}
