//! Pages of a PDF as pictures, by `pdftoppm` and `pdfinfo` of poppler, where they are installed: programs of their own, so
//! that a file that breaks them breaks nothing else. They get the file on their input and no environment, are held to 20 s of
//! processor and 1 GiB of memory, and are killed when their time is over.

use bytes::Bytes;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long one page may take.
const TIME: Duration = Duration::from_secs(20);
/// How much may come out.
const MOST_OUT: u64 = 20 * 1024 * 1024;
/// How many run at once in this process.
static PLACES: Semaphore = Semaphore::const_new(2);
/// Bounds that the kernel keeps: memory in KiB, processor in seconds. `$0` is the program.
const BOUNDED: &str = "ulimit -v 1048576; ulimit -t 20; exec \"$0\" \"$@\"";

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(super) enum PdfError {
    /// It took too long.
    #[error("it took too long")]
    Slow,
    /// The program said so, or made nothing.
    #[error("the page cannot be drawn: {0}")]
    Refused(String),
    /// The program cannot run.
    #[error("the program cannot run")]
    Io(#[from] std::io::Error),
}

/// Whether both programs are there; looked up once.
pub(super) fn is_installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
        found("pdftoppm") && found("pdfinfo")
    })
}

/// Draws a page as PNG, its longest side `side` pixels.
///
/// # Errors
/// See [`PdfError`].
pub(super) async fn page(pdf: Bytes, page: u32, side: u32) -> Result<Vec<u8>, PdfError> {
    let (page, side) = (page.to_string(), side.to_string());
    let args = ["-q", "-png", "-singlefile", "-f", &page, "-l", &page, "-scale-to", &side, "-"];
    let out = run("pdftoppm", &args, pdf, TIME).await?;
    match out.starts_with(b"\x89PNG") {
        true => Ok(out),
        false => Err(PdfError::Refused("nothing came out".to_owned())),
    }
}

/// Returns how many pages a PDF says it has.
///
/// # Errors
/// See [`PdfError`].
pub(super) async fn count(pdf: Bytes) -> Result<u32, PdfError> {
    let out = run("pdfinfo", &["-"], pdf, TIME).await?;
    let told = String::from_utf8_lossy(&out);
    let pages = told.lines().find_map(|line| line.strip_prefix("Pages:")).and_then(|n| n.trim().parse().ok());
    pages.ok_or_else(|| PdfError::Refused("it does not say how many pages it has".to_owned()))
}

/// Runs a program within bounds, and returns what came out.
async fn run(program: &str, args: &[&str], input: Bytes, time: Duration) -> Result<Vec<u8>, PdfError> {
    let _place = PLACES.acquire().await.expect("never closed");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", BOUNDED, program]).args(args).env_clear().kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let work = async {
        let feed = async {
            if let Some(mut stdin) = stdin {
                // A program that has seen enough reads no further: no fault.
                let _ = stdin.write_all(&input).await;
            }
        };
        let (mut out, mut said) = (Vec::new(), Vec::new());
        let read = async {
            if let Some(stdout) = stdout {
                stdout.take(MOST_OUT).read_to_end(&mut out).await?;
            }
            Ok::<(), std::io::Error>(())
        };
        let hear = async {
            if let Some(stderr) = stderr {
                stderr.take(2_000).read_to_end(&mut said).await?;
            }
            Ok::<(), std::io::Error>(())
        };
        let (_, read, hear) = tokio::join!(feed, read, hear);
        read.and(hear)?;
        let status = child.wait().await?;
        match status.success() {
            true => Ok(out),
            false => Err(PdfError::Refused(format!("{status}: {}", String::from_utf8_lossy(&said).trim()))),
        }
    };
    timeout(time, work).await.map_err(|_| PdfError::Slow)?
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a PDF of `pages` pages, each of a size in points, with a black square on it.
    pub fn pdf(pages: usize, size: (u32, u32)) -> Bytes {
        let kids: Vec<String> = (0..pages).map(|i| format!("{} 0 R", 4 + i)).collect();
        let square = "20 20 60 60 re f";
        let mut objects = vec![
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            format!("<< /Type /Pages /Kids [{}] /Count {pages} >>", kids.join(" ")),
            format!("<< /Length {} >>\nstream\n{square}\nendstream", square.len()),
        ];
        let page = format!("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {} {}] /Contents 3 0 R >>", size.0, size.1);
        objects.extend((0..pages).map(|_| page.clone()));
        let mut out = "%PDF-1.4\n".to_owned();
        let mut places = Vec::new();
        for (i, object) in objects.iter().enumerate() {
            places.push(out.len());
            out += &format!("{} 0 obj\n{object}\nendobj\n", i + 1);
        }
        let (start, count) = (out.len(), objects.len() + 1);
        out += &format!("xref\n0 {count}\n0000000000 65535 f \n");
        places.iter().for_each(|at| out += &format!("{at:010} 00000 n \n"));
        out += &format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
        out.into()
    }

    fn size(png: &[u8]) -> (u32, u32) {
        let picture = image::load_from_memory(png).expect("a picture");
        (picture.width(), picture.height())
    }

    /// E12.6.
    #[tokio::test]
    async fn e12_6_pages_are_drawn_small_however_large_they_are() {
        let file = pdf(3, (200, 100));
        assert_eq!(count(file.clone()).await.expect("it says"), 3);
        assert_eq!(size(&page(file.clone(), 2, 320).await.expect("a page")), (320, 160));
        assert!(matches!(page(file, 4, 320).await, Err(PdfError::Refused(_))), "there is no fourth");
        let wide = pdf(1, (14_000, 14_000));
        assert_eq!(size(&page(wide, 1, 320).await.expect("a page")), (320, 320));
    }

    /// E12.6.
    #[tokio::test]
    async fn e12_6_what_is_no_pdf_is_refused() {
        for broken in [&b""[..], b"%PDF-1.4", b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog", &[0xff; 4096]] {
            assert!(page(Bytes::from_static(broken), 1, 320).await.is_err());
            assert!(count(Bytes::from_static(broken)).await.is_err());
        }
        // Pages that are their own parents.
        let endless =
            pdf(1, (100, 100)).iter().map(|b| char::from(*b)).collect::<String>().replace("[4 0 R]", "[2 0 R]");
        assert!(page(endless.into(), 1, 320).await.is_err());
    }

    /// E12.6: However the program hangs, it is gone when its time is over; and it may not eat the machine's memory.
    #[tokio::test]
    async fn e12_6_a_program_that_hangs_is_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 600", file.display());
        let hung = run("sh", &["-c", &script], Bytes::from_static(b"%PDF"), Duration::from_millis(500)).await;
        assert!(matches!(hung, Err(PdfError::Slow)), "{hung:?}");
        let pid = std::fs::read_to_string(&file).expect("it began");
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        for _ in 0..100 {
            if gone() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(gone(), "{pid} still runs");
        let bounds = run("sh", &["-c", "ulimit -v; ulimit -t"], Bytes::new(), TIME).await.expect("it says");
        assert_eq!(String::from_utf8_lossy(&bounds), "1048576\n20\n");
        // What comes out is bounded too, and a program that goes on is not waited for.
        let flood = run("cat", &["/dev/zero"], Bytes::new(), Duration::from_secs(10)).await;
        assert!(flood.is_err(), "a flood is no page");
    }
}
