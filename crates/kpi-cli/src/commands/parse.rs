//! `kpi parse`: reads the project and writes its manifest.

use super::write;
use crate::session::{Ending, Outcome, Session};

/// Reads the project; nothing touches the database.
pub fn parse(session: &Session) -> Outcome {
    let loaded = session.load(None)?;
    write::manifest(session, &loaded.project, &loaded.manifest)?;
    Ok(Ending::Good)
}
