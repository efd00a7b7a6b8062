//! The PostgreSQL server of the tests: a real one, in a folder of its own, behind a socket in it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The variable that names the folder of `initdb` and `postgres`.
pub const PROGRAMS: &str = "K8S_AUTO_FIX_POSTGRES";
/// Where distributions keep them.
const USUAL: &str = "/usr/lib/postgresql";
/// PostgreSQL refuses to run as root.
const USER: &str = "postgres";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; it ends when this is dropped.
pub struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    process: Child,
    databases: AtomicUsize,
}

impl Postgres {
    /// Makes a server and starts it; `None` when its programs are not found.
    ///
    /// # Errors
    /// When it cannot be made or does not start.
    pub fn start() -> io::Result<Option<Self>> {
        Self::make(&[])
    }

    /// Like [`Postgres::start`], with a server that asks for a password. Only its URL works then.
    ///
    /// # Errors
    /// When it cannot be made or does not start.
    pub fn with_password(password: &str) -> io::Result<Option<Self>> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), password)?;
        let user = is_root().then(|| Command::new("chown").arg(USER).arg(file.path()).status());
        user.transpose()?;
        let server = Self::make(&[&format!("--pwfile={}", file.path().display())])?;
        if let Some(server) = &server {
            let rules = server.folder.path().join("data/pg_hba.conf");
            std::fs::write(rules, "local all all scram-sha-256\n")?;
            server.sql("postgres", "SELECT pg_reload_conf()")?;
        }
        Ok(server)
    }

    fn make(options: &[&str]) -> io::Result<Option<Self>> {
        let Some(programs) = programs() else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        own(folder.path())?;
        let mut initdb = as_user(&programs.join("initdb"), folder.path());
        initdb.args(options);
        initdb.args(["--auth=trust", "--encoding=UTF8", "--username=postgres", "--no-sync", "-D"]);
        initdb.arg(folder.path().join("data")).stdout(Stdio::null()).stderr(Stdio::piped());
        let made = initdb.output()?;
        if !made.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&made.stderr).into_owned()));
        }
        let process = serve(&programs, folder.path())?;
        let mut server = Self { folder, programs, process, databases: AtomicUsize::new(0) };
        server.wait()?;
        Ok(Some(server))
    }

    /// A server that tests of one program share; it ends with the last of them. Without programs it
    /// says so and returns `None`.
    ///
    /// # Errors
    /// When it cannot be made or does not start.
    pub fn shared() -> io::Result<Option<Arc<Self>>> {
        static SERVER: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = server.upgrade() {
            return Ok(Some(server));
        }
        let Some(started) = Self::start()? else {
            writeln!(io::stderr(), "SKIPPED: no initdb in {PROGRAMS}, {USUAL} or PATH")?;
            return Ok(None);
        };
        let started = Arc::new(started);
        *server = Arc::downgrade(&started);
        Ok(Some(started))
    }

    /// The location of a database that nothing else uses.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn database(&self) -> io::Result<String> {
        let name = format!("queue{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url("postgres", &name))
    }

    /// The location of a database for a user.
    pub fn url(&self, user: &str, database: &str) -> String {
        let socket = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://{user}@{socket}/{database}")
    }

    /// Runs statements with `psql` and returns what they say, a line for a row.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn sql(&self, database: &str, text: &str) -> io::Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", text]);
        let said = psql.arg("-h").arg(self.folder.path()).stdin(Stdio::null()).output()?;
        if said.status.success() {
            return Ok(String::from_utf8_lossy(&said.stdout).trim_end().to_owned());
        }
        Err(io::Error::other(String::from_utf8_lossy(&said.stderr).into_owned()))
    }

    /// Kills the server and all its processes as a crash would, and waits until they are gone.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        // Its processes notice that it is gone and end themselves; until then none may start.
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts it again after [`Postgres::kill`].
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> io::Result<()> {
        let start = Instant::now();
        loop {
            self.process = serve(&self.programs, self.folder.path())?;
            match self.wait() {
                Ok(()) => return Ok(()),
                // Processes of the one before may still hold its memory.
                Err(_) if start.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until it answers.
    fn wait(&mut self) -> io::Result<()> {
        let start = Instant::now();
        loop {
            match self.sql("postgres", "SELECT 1") {
                Ok(_) => return Ok(()),
                Err(error) if start.elapsed() > PATIENCE || !self.lives() => return Err(error),
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    fn lives(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }
}

const PAUSE: Duration = Duration::from_millis(50);

impl Drop for Postgres {
    fn drop(&mut self) {
        // A server that is gone already is what is wanted.
        let _ = self.kill();
    }
}

fn programs() -> Option<PathBuf> {
    let has = |folder: &PathBuf| folder.join("initdb").exists() && folder.join("postgres").exists();
    if let Some(folder) = std::env::var_os(PROGRAMS).map(PathBuf::from) {
        return has(&folder).then_some(folder);
    }
    let versions = std::fs::read_dir(USUAL).into_iter().flatten().flatten();
    let mut usual: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    usual.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    usual.into_iter().rev().chain(std::env::split_paths(&path)).find(has)
}

fn serve(programs: &Path, folder: &Path) -> io::Result<Child> {
    let mut server = as_user(&programs.join("postgres"), folder);
    server.args(["-c", "listen_addresses=", "-c", "max_connections=100", "-k"]).arg(folder);
    server.arg("-D").arg(folder.join("data")).stdout(Stdio::null()).stderr(Stdio::null());
    server.spawn()
}

/// Runs as the user of the server when this is root. `setpriv` becomes the program, so that the
/// process that is stopped is the server's.
fn as_user(program: &Path, folder: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        let user = format!("--reuid={USER}");
        command.args([&user, "--regid=postgres", "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// The folder belongs to the user of the server.
fn own(folder: &Path) -> io::Result<()> {
    if !is_root() {
        return Ok(());
    }
    let ended = Command::new("chown").arg(USER).arg(folder).status()?;
    if ended.success() { Ok(()) } else { Err(io::Error::other("chown failed")) }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}
