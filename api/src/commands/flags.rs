//! Each setting as a flag of the same name, made from the table of settings. A flag wins over the environment.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use shared::config::settings::{SETTINGS, Show};
use std::collections::HashMap;

/// The flags that were given, by the settings' environment names.
#[derive(Debug, Clone, Default)]
pub struct Flags(HashMap<&'static str, String>);

impl Flags {
    /// Returns a setting's value: the flag's, or else the environment's.
    pub fn lookup(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned().or_else(|| std::env::var(name).ok())
    }

    /// Returns a flag's value, if it was given; what the environment says does not count.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name: &'static str| matches.get_one::<String>(name).map(|v| (name, v.clone()));
        Ok(Flags(SETTINGS.iter().filter_map(|s| given(s.name)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Flags {
    fn augment_args(mut command: Command) -> Command {
        for s in SETTINGS {
            let hint = match s.show {
                // A command line is seen by every user of the machine.
                Show::Hidden => format!("{} [{}; better by the environment]", s.about, s.name),
                Show::Plain | Show::Url => format!("{} [{}; {}]", s.about, s.name, s.default),
            };
            command = command.arg(Arg::new(s.name).long(s.flag()).value_name("VALUE").global(true).help(hint));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_read_before_and_after_the_command() {
        let command = || Flags::augment_args(Command::new("x").subcommand(Command::new("serve")));
        for args in [["x", "--listen", "127.0.0.1:1", "serve"], ["x", "serve", "--listen", "127.0.0.1:1"]] {
            let matches = command().try_get_matches_from(args).unwrap();
            let flags = Flags::from_arg_matches(&matches).unwrap();
            assert_eq!(flags.lookup("POSTROOM_LISTEN").as_deref(), Some("127.0.0.1:1"), "{args:?}");
        }
        assert!(command().try_get_matches_from(["x", "--listne", "y"]).is_err());
    }
}
