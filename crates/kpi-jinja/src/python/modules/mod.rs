//! What `modules.` offers: datetime, pytz, re and itertools.

pub mod datetime;
