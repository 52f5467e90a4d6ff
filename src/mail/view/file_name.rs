//! Names of files for parts, safe to create in a directory.

use crate::mail::view::PartView;
use crate::system::text::{beginning, controls_terminal};

/// Octets of a name. File systems allow 255; a number may be added.
const MAX_NAME: usize = 200;

/// Characters that have a meaning in a path or in the shells and file systems of other systems.
const RESERVED: &[char] = &['/', '\\', ':', '*', '?', '"', '<', '>', '|'];

pub fn file_name(part: &PartView) -> String {
    let last = part.name.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_allowed = |c: &char| !controls_terminal(*c);
    let plain: String = last.chars().filter(is_allowed).collect();
    let plain = plain.replace(RESERVED, "_");
    // A name that begins with a dot is hidden, and one with a hyphen is taken for an option.
    let plain = plain
        .trim()
        .trim_start_matches(['.', '-'])
        .trim_end_matches('.');
    if plain.is_empty() {
        return format!("part-{}.{}", part.id, extension(&part.content_type));
    }
    shortened(plain)
}

fn extension(content_type: &str) -> &str {
    match content_type {
        "text/plain" => "txt",
        "text/calendar" => "ics",
        "text/html" | "text/csv" | "image/png" | "image/gif" | "image/webp" | "application/pdf"
        | "application/zip" | "application/json" | "application/gzip" => {
            content_type.rsplit('/').next().unwrap_or("bin")
        }
        "message/rfc822" => "eml",
        "image/jpeg" => "jpg",
        "image/svg+xml" => "svg",
        _ => "bin",
    }
}

/// The name with its extension, in at most [`MAX_NAME`] octets.
fn shortened(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let extension = name.rfind('.').map_or("", |dot| &name[dot..]);
    let extension = if extension.len() > 20 { "" } else { extension };
    let stem = beginning(name, MAX_NAME - extension.len());
    format!("{stem}{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::view::{Role, TransferEncoding};

    fn named(name: &str, content_type: &str) -> String {
        file_name(&PartView {
            id: "2.1".to_owned(),
            depth: 1,
            role: Role::Attachment,
            content_type: content_type.to_owned(),
            charset: String::new(),
            name: name.to_owned(),
            content_id: String::new(),
            encoding: TransferEncoding::None,
            octets: 0..0,
        })
    }

    #[test]
    fn name_stays_in_its_directory() {
        for (name, safe) in [
            ("menu.pdf", "menu.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.exe", "a.exe"),
            ("..", "part-2.1.pdf"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            ("a\u{202e}fdp.exe\n", "afdp.exe"),
            ("a:b*", "a_b_"),
            ("\u{fc}ber.txt", "\u{fc}ber.txt"),
            ("", "part-2.1.pdf"),
        ] {
            assert_eq!(named(name, "application/pdf"), safe);
        }
        assert_eq!(named("", "x/y"), "part-2.1.bin");
        let long = named(&format!("{}.txt", "\u{fc}".repeat(300)), "text/plain");
        assert!(long.len() <= MAX_NAME && long.ends_with("\u{fc}.txt"));
    }
}
