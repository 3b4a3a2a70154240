//! What an option is. Each stands once, with what it configures: its name, its default and what it means.

/// One option. In the environment it is `TINTYPE_` and the name in capitals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opt {
    pub(super) name: &'static str,
    /// As it would be written; empty: there is none, or it depends on other things.
    pub(super) default: &'static str,
    /// Lines of a comment; none: those of the option before speak of this one as well.
    pub(super) help: &'static [&'static str],
    /// Masked when shown, and may be given as `…_file`: the path of a file that holds it.
    pub(super) is_secret: bool,
    /// Also in the table of a site.
    pub(super) is_of_site: bool,
}

/// Options under one heading.
pub(super) struct OptionGroup {
    pub(super) title: &'static str,
    /// Lines on all of them.
    pub(super) notes: &'static [&'static str],
    pub(super) options: &'static [Opt],
}

impl Opt {
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

    /// How it is called in the environment.
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

/// A constant for each option, whose doc comment is its help, and `GROUP` with all of them under a heading.
macro_rules! options {
    (
        $(#![doc = $note:literal])*
        $title:literal;
        $($(#[doc = $help:literal])* $option:ident = $name:literal, $default:literal $(, $flag:ident)*;)+
    ) => {
        $(
            pub(super) const $option: $crate::config::option::Opt =
                $crate::config::option::Opt::new($name, $default, &[$($help),*])$(.$flag())*;
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

/// How an option of this name is called in the environment.
pub(super) fn env_name(name: &str) -> String {
    format!("TINTYPE_{}", name.to_ascii_uppercase())
}
