//! What a shell and `man` want to know: completions and the manual page.

use super::{GOOD, WRONG, print};
use crate::arguments;
use clap::ArgMatches;

/// `kpi completions bash`
pub fn completions(matches: &ArgMatches) -> u8 {
    let Some(shell) = matches.get_one::<clap_complete::Shell>("shell").copied() else { return WRONG };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut arguments::command(), "kpi", &mut text);
    print(&String::from_utf8_lossy(&text));
    GOOD
}

/// `kpi man`: one page with every command.
pub fn man() -> u8 {
    let mut command = arguments::command();
    command.build();
    let mut text = Vec::new();
    if clap_mangen::Man::new(command.clone()).render(&mut text).is_err() {
        return WRONG;
    }
    for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let _ = clap_mangen::Man::new(sub.clone()).render_synopsis_section(&mut text);
        let _ = clap_mangen::Man::new(sub.clone()).render_description_section(&mut text);
    }
    print(&String::from_utf8_lossy(&text));
    GOOD
}
