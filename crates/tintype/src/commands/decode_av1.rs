//! `tintype decode-av1`, an internal command. Other commands start it to decode the items of an AVIF, so that bytes
//! that crash the decoder crash nothing else.

use std::process::Command;

use anyhow::Context;
use clap::Args;
use rustix::process::{Resource, Rlimit, setrlimit};
use tintype_imaging::apart;

use crate::failure::Failure;

/// Far more than any image needs; the process that waits for the result stops it sooner.
const CPU_SECONDS: u64 = 300;

#[derive(Args)]
pub(crate) struct Arguments {}

/// Makes everything that is decoded from now on use a child process.
pub(crate) fn set_up() {
    apart::run_by(|| {
        let mut program = Command::new("/proc/self/exe");
        // Without secrets, but with the settings of the allocator.
        program.arg("decode-av1").env_clear();
        if let Some(settings) = std::env::var_os(crate::allocator::NAME) {
            program.env(crate::allocator::NAME, settings);
        }
        program
    });
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let limits = [(Resource::Cpu, CPU_SECONDS), (Resource::Core, 0)];
        for (resource, limit) in limits {
            let limit = Rlimit {
                current: Some(limit),
                maximum: Some(limit),
            };
            setrlimit(resource, limit).context("a limit cannot be set")?;
        }
        // When memory runs out, this process is killed first. The file does not exist on every system.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
        let (input, output) = (std::io::stdin().lock(), std::io::stdout().lock());
        Ok(apart::serve(input, output).context("a pipe of the AV1 decoder")?)
    }
}
