//! The definition of an option. Each is defined once, with what it configures: its name, default and meaning.

/// One option. Its environment variable is `TINTYPE_` and the name in capitals.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConfigOption {
    pub(super) name: &'static str,
    /// As it would be written; empty if there is none, or if it depends on other options.
    pub(super) default: &'static str,
    /// Lines of a comment; empty if the help of the option before covers this one as well.
    pub(super) help: &'static [&'static str],
    /// Masked when shown, and may be given as `…_file`: the path of a file that holds it.
    pub(super) is_secret: bool,
    /// May also be set per site.
    pub(super) is_of_site: bool,
}

/// Options under one heading.
pub(super) struct OptionGroup {
    pub(super) title: &'static str,
    /// Lines on all of them.
    pub(super) notes: &'static [&'static str],
    pub(super) options: &'static [ConfigOption],
}

impl ConfigOption {
    pub(super) const fn new(
        name: &'static str,
        default: &'static str,
        help: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            default,
            help,
            is_secret: false,
            is_of_site: false,
        }
    }

    /// Name of the environment variable.
    pub(super) fn variable(self) -> String {
        env_name(self.name)
    }

    pub(super) const fn secret(self) -> Self {
        Self {
            is_secret: true,
            ..self
        }
    }

    pub(super) const fn of_site(self) -> Self {
        Self {
            is_of_site: true,
            ..self
        }
    }
}

/// Defines a constant for each option, with its doc comment as help, and `GROUP` with all of them under a heading.
macro_rules! options {
    (
        $(#![doc = $note:literal])*
        $title:literal;
        $($(#[doc = $help:literal])* $option:ident = $name:literal, $default:literal $(, $flag:ident)*;)+
    ) => {
        $(
            pub(super) const $option: $crate::config::option::ConfigOption =
                $crate::config::option::ConfigOption::new($name, $default, &[$($help),*])$(.$flag())*;
        )+

        pub(super) const GROUP: $crate::config::option::OptionGroup =
            $crate::config::option::OptionGroup {
                title: $title,
                notes: &[$($note),*],
                options: &[$($option),+],
            };
    };
}
pub(super) use options;

/// The environment variable of an option.
pub(super) fn env_name(name: &str) -> String {
    format!("TINTYPE_{}", name.to_ascii_uppercase())
}
