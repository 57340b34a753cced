//! Ctrl-C and SIGTERM.

use crate::{INTERRUPTED, TERMINATED};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears both, also those that come while nobody waits. Until the first of these is made, a signal ends the process as if nobody listened.
pub(crate) struct Interrupts {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Interrupts {
    /// Listens from now on.
    pub(crate) fn listen() -> Self {
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    /// Ends with the exit code for the next signal; never where none can be heard.
    ///
    /// # Cancel safety
    /// No signal is lost.
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            biased;
            () = heard(&mut self.interrupt) => INTERRUPTED,
            () = heard(&mut self.terminate) => TERMINATED,
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
