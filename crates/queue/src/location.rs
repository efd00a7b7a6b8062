use crate::Error;
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where a queue is: an SQLite file, or a database of a PostgreSQL server.
///
/// Written as a path, `sqlite:PATH` or `postgres://USER@HOST/DATABASE`. A password in a URL is never
/// shown again.
#[derive(Clone)]
pub struct Location(pub(crate) Place);

#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(text);
            // What the parser says may hold parts of the URL, the password among them.
            let options = options.map_err(|_| Error::Location)?;
            return Ok(Self(Place::Postgres(Box::new(options))));
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:"));
        let path = path.unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return Err(Error::Location);
        }
        Ok(Self::from(Path::new(path)))
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self(Place::Sqlite(path.to_owned()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(path) => write!(f, "{}", path.display()),
            Place::Postgres(options) => {
                let (user, host) = (options.get_username(), options.get_host());
                let database = options.get_database().unwrap_or(user);
                match options.get_socket() {
                    Some(socket) => write!(f, "postgres://{user}@{}/{database}", socket.display()),
                    None => write!(f, "postgres://{user}@{host}:{}/{database}", options.get_port()),
                }
            }
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Location;

    fn shown(text: &str) -> String {
        text.parse::<Location>().unwrap().to_string()
    }

    #[test]
    fn a_location_is_a_path_or_a_url() {
        assert_eq!(shown("out/queue.db"), "out/queue.db");
        assert_eq!(shown("sqlite:queue.db"), "queue.db");
        assert_eq!(shown("sqlite:///srv/queue.db"), "/srv/queue.db");
        assert_eq!(shown("postgres://me@db:5433/fixes"), "postgres://me@db:5433/fixes");
        for bad in ["", "sqlite:", "mysql://db/queue", "postgres://me@db:port/x"] {
            assert!(bad.parse::<Location>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let location: Location = "postgresql://me:s3cret@db/fixes".parse().unwrap();
        assert_eq!(
            format!("{location} {location:?}"),
            ["postgres://me@db:5432/fixes"; 2].join(" ")
        );
        let error = "postgres://me:s3cret@db:s3cret/x".parse::<Location>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}
