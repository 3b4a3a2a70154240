//! Decodes AV1 in a separate process.
//!
//! The decoder contains `extern "C"` functions, in which a panic aborts the process, and unsafe code. A service
//! therefore runs it in a child ([`run_by`]), which reads items or samples and writes planes ([`serve`]). However the
//! child ends, only the image being decoded fails. Without a command, as in tests, AV1 is decoded in this process.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::av1::{DecodeRequest, Decoders};
use super::frame::{YuvFrame, YuvPlanes};
use crate::Error;
use crate::spec::Size;

static PROGRAM: OnceLock<fn() -> Command> = OnceLock::new();

/// Sets the command that calls [`serve`]. It applies to everything that this process decodes from now on.
pub fn run_by(program: fn() -> Command) {
    let _ = PROGRAM.set(program);
}

/// Decodes items, or the samples of tracks, until the input ends. Decoding errors are sent as responses; `Err` means
/// that a pipe failed.
pub fn serve(input: impl Read, output: impl Write) -> io::Result<()> {
    let (mut input, mut output) = (BufReader::new(input), BufWriter::new(output));
    let mut decoders = Decoders::default();
    while !input.fill_buf()?.is_empty() {
        match decoders.decode(DecodeRequest::read(&mut input)?) {
            Ok(frame) => send(&frame, &mut output)?,
            Err(error) => {
                let words = match error {
                    Error::Malformed(words) => words,
                    other => other.to_string().into(),
                };
                output.write_all(&[FAILED])?;
                write_length(&mut output, words.len())?;
                output.write_all(words.as_bytes())?;
            }
        }
        output.flush()?;
    }
    Ok(())
}

const DECODED: u8 = 1;
const FAILED: u8 = 2;

/// Limit on the length of an error message.
const MAX_WORDS: usize = 1_000;

/// For a number that is not there.
const NONE: u8 = u8::MAX;

impl DecodeRequest {
    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.most.to_le_bytes())?;
        to.write_all(&[self.point, self.track].map(|number| number.unwrap_or(NONE)))?;
        write_length(to, self.data.len())?;
        to.write_all(&self.data)
    }

    fn read(from: &mut impl Read) -> io::Result<Self> {
        let most = u64::from_le_bytes(array(from)?);
        let [point, track] = array(from)?.map(|number| (number != NONE).then_some(number));
        let mut data = vec![0; read_length(from)?];
        from.read_exact(&mut data)?;
        Ok(Self {
            data,
            point,
            most,
            track,
        })
    }
}

fn send(frame: &YuvFrame, to: &mut impl Write) -> io::Result<()> {
    to.write_all(&[DECODED])?;
    to.write_all(&frame.size.width.to_le_bytes())?;
    to.write_all(&frame.size.height.to_le_bytes())?;
    let (across, down) = frame.chroma.unwrap_or((0, 0));
    to.write_all(&[frame.bits, across, down].map(|fact| fact as u8))?;
    to.write_all(&[frame.matrix, frame.primaries, u8::from(frame.full_range)])?;
    let (mut row, mut bytes) = (Vec::new(), Vec::new());
    for (plane, size) in planes(frame.size, frame.chroma).into_iter().enumerate() {
        for y in 0..size.height {
            frame.row(plane, y, &mut row);
            bytes.clear();
            match frame.bits {
                8 => bytes.extend(row.iter().map(|sample| *sample as u8)),
                _ => bytes.extend(row.iter().flat_map(|sample| sample.to_le_bytes())),
            }
            to.write_all(&bytes)?;
        }
    }
    Ok(())
}

/// Receives a frame of at most `most` pixels. The outer error is one of the pipe. The child is not trusted, because it
/// has decoded hostile bytes.
fn receive(from: &mut impl Read, most: u64) -> io::Result<Result<YuvFrame, Error>> {
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    match array(from)? {
        [DECODED] => {}
        [FAILED] => {
            let mut words = vec![0; read_length(from)?.min(MAX_WORDS)];
            from.read_exact(&mut words)?;
            let words = String::from_utf8_lossy(&words).into_owned();
            return Ok(Err(Error::malformed(words)));
        }
        _ => return Err(odd()),
    }
    let width = u32::from_le_bytes(array(from)?);
    let height = u32::from_le_bytes(array(from)?);
    let size = Size::new(width, height);
    let [bits, across, down, matrix, primaries, full_range] = array(from)?;
    let chroma = match (across, down) {
        (0, 0) => None,
        (1 | 2, 1 | 2) => Some((u32::from(across), u32::from(down))),
        _ => return Err(odd()),
    };
    if size.pixels() == 0 || size.pixels() > most || !(8..=16).contains(&bits) {
        return Err(odd());
    }
    let bytes_per_sample = if bits == 8 { 1 } else { 2 };
    let mut received = Vec::new();
    for size in planes(size, chroma) {
        let mut samples = vec![0; size.pixels() as usize * bytes_per_sample];
        from.read_exact(&mut samples)?;
        received.push(ReceivedPlane {
            samples,
            stride: size.width as usize * bytes_per_sample,
        });
    }
    Ok(Ok(YuvFrame {
        size,
        bits: u32::from(bits),
        chroma,
        matrix,
        primaries,
        full_range: full_range != 0,
        planes: YuvPlanes::Received(received),
    }))
}

/// Returns the size of the luma plane, then of both chroma planes.
fn planes(size: Size, chroma: Option<(u32, u32)>) -> Vec<Size> {
    let mut planes = vec![size];
    if let Some((across, down)) = chroma {
        let part = Size::new(size.width.div_ceil(across), size.height.div_ceil(down));
        planes.extend([part, part]);
    }
    planes
}

/// Samples of one byte each, or of two bytes if they have more than 8 bits.
pub(super) struct ReceivedPlane {
    samples: Vec<u8>,
    /// Bytes per row.
    stride: usize,
}

impl ReceivedPlane {
    pub(super) fn row(&self, y: u32, length: usize, into: &mut Vec<u16>, bits: u32) {
        let row = &self.samples[y as usize * self.stride..][..self.stride];
        into.clear();
        match bits {
            8 => into.extend(row[..length].iter().map(|sample| u16::from(*sample))),
            _ => {
                let most = u16::MAX >> (16 - bits);
                let (pairs, _) = row[..2 * length].as_chunks();
                let samples = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
                into.extend(samples.map(|sample| sample.min(most)));
            }
        }
    }
}

/// Decodes the items or samples of one file, in this process or in a child that is started for the first one and ends
/// with the decoder.
#[derive(Default)]
pub(super) struct Av1Decoder {
    here: Decoders,
    apart: Option<Decoding>,
}

impl Av1Decoder {
    /// Does the same as [`Decoders::decode`], but a child is stopped at the deadline. Whatever ends it ends its
    /// tracks: a new one does not have the pictures that the next sample refers to.
    pub(super) fn decode(
        &mut self,
        request: DecodeRequest,
        deadline: Instant,
    ) -> Result<YuvFrame, Error> {
        let Some(program) = PROGRAM.get() else {
            return self.here.decode(request);
        };
        let mut decoding = match self.apart.take() {
            Some(decoding) => decoding,
            None => Decoding::start(program())?,
        };
        match decoding.decode(&request, deadline) {
            Ok(result) => {
                self.apart = Some(decoding);
                result
            }
            Err(error) => Err(decoding.reason(&error)),
        }
    }
}

struct Decoding {
    child: Child,
    requests: ChildStdin,
    answers: ChildStdout,
}

impl Decoding {
    fn start(mut program: Command) -> Result<Self, Error> {
        let piped = program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| Error::internal(format!("the AV1 decoder does not start: {error}")))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(requests), Some(answers)) => Ok(Self {
                child,
                requests,
                answers,
            }),
            _ => Err(Error::internal("the AV1 decoder has no pipes")),
        }
    }

    fn decode(
        &mut self,
        item: &DecodeRequest,
        deadline: Instant,
    ) -> io::Result<Result<YuvFrame, Error>> {
        let (requests, answers) = (&mut self.requests, &mut self.answers);
        item.write(&mut Watched {
            pipe: requests,
            deadline,
        })?;
        let answers = Watched {
            pipe: answers,
            deadline,
        };
        receive(&mut BufReader::new(answers), item.most)
    }

    /// Returns why decoding stopped.
    fn reason(mut self, error: &io::Error) -> Error {
        if error.kind() == io::ErrorKind::TimedOut {
            return Error::DeadlineExceeded;
        }
        let status = self.end();
        let ended_by = status.and_then(|status| status.signal());
        let by_others = [Signal::KILL, Signal::TERM, Signal::INT].map(Signal::as_raw);
        let is_its_own = ended_by.is_some_and(|signal| !by_others.contains(&signal));
        let has_panicked = status.and_then(|status| status.code()) == Some(PANICKED);
        match is_its_own || has_panicked {
            true => Error::malformed("AV1: the decoder crashed"),
            false => Error::internal(format!("the AV1 decoder: {error}")),
        }
    }

    /// Kills the child, unless it has exited already, and returns its exit status.
    fn end(&mut self) -> Option<ExitStatus> {
        let _ = self.child.kill();
        self.child.wait().ok()
    }
}

/// Exit code of a Rust program after a panic.
const PANICKED: i32 = 101;

impl Drop for Decoding {
    fn drop(&mut self) {
        self.end();
    }
}

/// A pipe whose operations time out at the deadline.
struct Watched<'a, P> {
    pipe: &'a mut P,
    deadline: Instant,
}

/// Bytes that a writable pipe accepts without blocking (`PIPE_BUF` on Linux).
const AT_ONCE: usize = 4_096;

impl<P: AsFd> Watched<'_, P> {
    fn wait_for(&self, what: PollFlags) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&*self.pipe, what)], Some(&left))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}

impl<P: AsFd + Read> Read for Watched<'_, P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wait_for(PollFlags::IN)?;
        self.pipe.read(buffer)
    }
}

impl<P: AsFd + Write> Write for Watched<'_, P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wait_for(PollFlags::OUT)?;
        self.pipe.write(&bytes[..bytes.len().min(AT_ONCE)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn write_length(to: &mut impl Write, length: usize) -> io::Result<()> {
    let length = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    to.write_all(&length.to_le_bytes())
}

fn read_length(from: &mut impl Read) -> io::Result<usize> {
    Ok(u32::from_le_bytes(array(from)?) as usize)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn by(script: &str, deadline: Duration) -> Error {
        let mut program = Command::new("/bin/sh");
        program.args(["-c", script]);
        let mut decoding = Decoding::start(program).unwrap();
        let item = DecodeRequest {
            data: vec![0; 300_000],
            point: None,
            most: 100,
            track: None,
        };
        let error = decoding.decode(&item, Instant::now() + deadline);
        let error = error.err().expect("no answer");
        decoding.reason(&error)
    }

    /// However the child ends, and even if it does not, only this one image fails.
    #[test]
    fn a_decoder_that_ends_is_an_error_of_the_bytes_and_one_that_is_ended_is_not() {
        let minute = Duration::from_secs(60);
        let all = "head -c 300014 >/dev/null;";
        for signal in ["ABRT", "SEGV", "ILL", "BUS"] {
            let error = by(&format!("{all} kill -{signal} $$"), minute);
            assert!(matches!(error, Error::Malformed(_)), "{signal}: {error}");
            let error = by(&format!("kill -{signal} $$"), minute);
            assert!(matches!(error, Error::Malformed(_)), "{signal}: {error}");
        }
        let error = by(&format!("{all} exit 101"), minute);
        assert!(matches!(error, Error::Malformed(_)), "{error}");
        for script in [
            "kill -KILL $$",
            "exit 0",
            "echo nonsense; exec cat >/dev/null",
        ] {
            let error = by(script, minute);
            assert!(matches!(error, Error::Internal(_)), "{script}: {error}");
        }
        let error = by("exec sleep 60", Duration::from_millis(1));
        assert!(matches!(error, Error::DeadlineExceeded), "{error}");
    }

    #[test]
    fn what_is_sent_is_what_is_received() {
        for (bits, chroma) in [(8, Some((2, 2))), (10, Some((1, 1))), (12, None)] {
            let size = Size::new(5, 3);
            let largest = (1 << bits) - 1;
            let received = planes(size, chroma).into_iter().map(|size| {
                let samples = (0..size.pixels() as u16).map(|n| largest - n);
                let bytes: Vec<u8> = match bits {
                    8 => samples.map(|sample| sample as u8).collect(),
                    _ => samples.flat_map(u16::to_le_bytes).collect(),
                };
                ReceivedPlane {
                    stride: bytes.len() / size.height as usize,
                    samples: bytes,
                }
            });
            let frame = YuvFrame {
                size,
                bits,
                chroma,
                matrix: 12,
                primaries: 9,
                full_range: true,
                planes: YuvPlanes::Received(received.collect()),
            };
            let mut sent = Vec::new();
            send(&frame, &mut sent).unwrap();
            let again = receive(&mut &sent[..], size.pixels()).unwrap().unwrap();
            assert_eq!(
                (
                    again.size,
                    again.bits,
                    again.chroma,
                    again.matrix,
                    again.primaries,
                    again.full_range
                ),
                (size, bits, chroma, 12, 9, true)
            );
            let (mut expected, mut row) = (Vec::new(), Vec::new());
            for (plane, size) in planes(size, chroma).into_iter().enumerate() {
                for y in 0..size.height {
                    frame.row(plane, y, &mut expected);
                    again.row(plane, y, &mut row);
                    assert_eq!(row, expected);
                }
            }
            assert!(
                receive(&mut &sent[..], size.pixels() - 1).is_err(),
                "too many"
            );
            assert!(receive(&mut &sent[..sent.len() - 1], 15).is_err(), "cut");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_answered_and_the_next_is_too() {
        let mut requests = Vec::new();
        for _ in 0..2 {
            let item = DecodeRequest {
                data: b"no AV1".to_vec(),
                point: Some(3),
                most: 100,
                track: None,
            };
            item.write(&mut requests).unwrap();
        }
        let mut answers = Vec::new();
        serve(&requests[..], &mut answers).unwrap();
        let mut answers = &answers[..];
        for _ in 0..2 {
            let error = receive(&mut answers, 100)
                .unwrap()
                .err()
                .expect("no picture");
            assert!(error.to_string().contains("AV1"), "{error}");
        }
        assert!(answers.is_empty());
    }
}
