//! `ehlo config import`: what is printed is a valid configuration, passwords are in files only, and nothing is run.

use crate::program::{Ehlo, Run};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The samples of one format, each a file or a directory.
fn samples(format: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import")
        .join(format);
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Copies a sample; the files that it names are in the home of the program.
fn copied(ehlo: &Ehlo, sample: &Path) -> PathBuf {
    let home = ehlo.path("");
    let adapted = |text: String| {
        let ca = home.join("ca.pem");
        text.replace("/etc/ssl/certs/ca-certificates.crt", ca.to_str().unwrap())
            .replace("/etc/aliases", home.join("aliases").to_str().unwrap())
            .replace(" FINGERPRINT\n", &format!(" {}\n", ["AB"; 32].join(":")))
            .replace("FINGERPRINT-HEX", &"AB".repeat(32))
            .replace(
                "/etc/dma/auth.conf",
                home.join("copy/auth.conf").to_str().unwrap(),
            )
    };
    let certificate = rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap();
    ehlo.file("ca.pem", certificate.cert.pem());
    ehlo.file("aliases", "root: alice@crepes.fr\n");
    let copy = home.join("copy");
    if sample.is_file() {
        fs::write(&copy, adapted(fs::read_to_string(sample).unwrap())).unwrap();
        return copy;
    }
    fs::create_dir(&copy).unwrap();
    for file in fs::read_dir(sample).unwrap() {
        let file = file.unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        fs::write(copy.join(file.file_name()), adapted(text)).unwrap();
    }
    let main = ["ssmtp.conf", "dma.conf"];
    let mut main = main.iter().map(|name| copy.join(name));
    main.find(|path| path.exists()).unwrap_or(copy)
}

fn import(format: &str, text: &str) -> (Ehlo, Run) {
    let ehlo = Ehlo::new();
    ehlo.file("sample", text);
    let run = Ehlo::new()
        .args(["config", "import"])
        .args([format!("{format}={}", ehlo.path("sample").display())])
        .run();
    (ehlo, run)
}

#[test]
fn each_sample_becomes_a_valid_configuration_without_secrets() {
    let mut count = 0;
    for format in [
        "msmtprc",
        "ssmtp",
        "nullmailer",
        "dma",
        "muttrc",
        "mailrc",
        "swaksrc",
    ] {
        for sample in samples(format) {
            let ehlo = Ehlo::new();
            let (copy, secrets) = (copied(&ehlo, &sample), ehlo.path("secrets"));
            let source = format!("{format}={}", copy.display());
            let plain = Ehlo::new().args(["config", "import", &source]).run();
            plain.exits(0);
            let run = Ehlo::new()
                .args(["config", "import", &source, "--secrets"])
                .args([&secrets])
                .run();
            run.exits(0).complains(0);
            for text in [&plain.stdout, &run.stdout] {
                let command = text.contains("password-command");
                assert!(command || !text.contains("hunter2"), "{text}");
                assert!(!text.contains("#  #"), "{text}");
                let invalid = text.lines().find(|line| {
                    line.starts_with("# ") && line.contains(" = ") && line.contains("  # ")
                });
                assert_eq!(invalid, None, "{}", sample.display());
            }
            if let Ok(files) = fs::read_dir(&secrets) {
                for file in files {
                    let file = file.unwrap();
                    let mode = file.metadata().unwrap().permissions().mode();
                    assert_eq!(mode & 0o777, 0o600);
                    assert_eq!(fs::read_to_string(file.path()).unwrap(), "hunter2\n");
                }
            }
            let config = ehlo.private("config.toml", &run.stdout);
            Ehlo::new()
                .args(["config", "check", "--config"])
                .args([&config])
                .run()
                .exits(0);
            count += 1;
        }
    }
    assert!(count >= 40, "{count}");
}

#[test]
fn existing_password_files_are_not_overwritten() {
    let text = "account a\nhost mail.crepes.fr\nauth on\nuser alice\npassword hunter2\n\
                account b\nhost mail.crepes.fr\nauth on\nuser alice\npassword hunter3\n";
    let (ehlo, _) = import("msmtprc", text);
    fs::create_dir(ehlo.path("secrets")).unwrap();
    ehlo.file("secrets/b.password", "mine\n");
    let source = format!("msmtprc={}", ehlo.path("sample").display());
    let run = Ehlo::new()
        .args(["config", "import", &source, "--secrets"])
        .args([ehlo.path("secrets")])
        .run();
    run.exits(73).complains(1).says(&["b.password"]);
    assert!(run.stdout.is_empty());
    assert!(!ehlo.path("secrets/a.password").exists());
    let kept = fs::read_to_string(ehlo.path("secrets/b.password"));
    assert_eq!(kept.unwrap(), "mine\n");
}

#[test]
fn byte_order_mark_and_several_commands_in_a_line_are_read() {
    let (_, run) = import(
        "muttrc",
        "\u{feff}set smtp_url=smtp://a@x.org/;set from=b@x.org#c\n",
    );
    run.exits(0)
        .shows(&["relay = \"x.org:25\"", "from = \"b@x.org\"", "user = \"a\""]);
    let (_, run) = import("mutt", "set smtp_url=smtp://x.org/\n");
    run.exits(0);
    let run = Ehlo::new().args(["config", "import", "/etc/msmtprc"]).run();
    run.exits(64).says(&["msmtprc=/etc/msmtprc"]);
}

#[test]
fn no_command_in_a_file_is_run() {
    for (format, text) in [
        (
            "msmtprc",
            "account default\nhost h\nauth on\nuser a\npasswordeval \"touch MARK\"\neval touch MARK\n",
        ),
        (
            "muttrc",
            "set smtp_url=smtp://a@h my_x=`touch MARK` smtp_pass=$my_x\nsource \"touch MARK|\"\n",
        ),
        (
            "mailrc",
            "set smtp=h\n!touch MARK\nset x=`touch MARK`\nsource \"!touch MARK\"\n",
        ),
        ("swaksrc", "server h\npipe touch MARK\n"),
        ("nullmailer", "h smtp --pass=`touch MARK`\n"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mark = home.path().join("mark");
        let (_, run) = import(format, &text.replace("MARK", mark.to_str().unwrap()));
        run.exits(0);
        assert!(!mark.exists(), "{format}");
    }
}

#[test]
fn lines_without_an_equivalent_are_comments_with_file_and_line() {
    let (_, run) = import(
        "msmtprc",
        "account default\nhost mail.crepes.fr\ntls_priorities NORMAL\n\nntlmdomain CREPES\nxyzzy 1\n",
    );
    run.exits(0).shows(&[
        "sample:3: tls_priorities",
        "sample:5: ntlmdomain",
        "sample:6: xyzzy",
    ]);
}

#[test]
fn errors_of_the_original_are_78_with_file_and_line() {
    for (format, text, words) in [
        (
            "msmtprc",
            "account a\nport x\n",
            ":2: invalid argument x for command port",
        ),
        (
            "msmtprc",
            "account a : b\n",
            ":1: account b not (yet) defined",
        ),
        (
            "msmtprc",
            "tls maybe\n",
            ":1: invalid argument maybe for command tls",
        ),
        ("nullmailer", "h smtp --port=x\n", ":1: x is not a port"),
        ("nullmailer", "h smtp \"--pass=x\n", ":1: a quotation mark"),
        ("dma", "FOO\n", ":1: FOO is not a setting"),
    ] {
        let (_, run) = import(format, text);
        run.exits(78).complains(1).says(&["sample", words]);
        assert!(run.stdout.is_empty());
    }
    let ehlo = Ehlo::new();
    ehlo.file("bad", b"host a\nuser \xff\n");
    let source = format!("msmtprc={}", ehlo.path("bad").display());
    let run = Ehlo::new().args(["config", "import", &source]).run();
    run.exits(78).says(&["bad:2: ", "not valid UTF-8"]);
    for source in ["msmtprc", "msmtprc=/missing/.msmtprc"] {
        let run = Ehlo::new().args(["config", "import", source]).run();
        run.exits(66).complains(1).says(&[".msmtprc"]);
    }
    let run = Ehlo::new().args(["config", "import", "postfix"]).run();
    run.exits(64).says(&["msmtprc, ssmtp"]);
}

#[test]
fn text_of_the_file_cannot_leave_its_comment_or_its_string() {
    let (_, run) = import(
        "msmtprc",
        "account a\"]\\nx\nhost mail.crepes.fr\nfrom alice@crepes.fr\ndomain \"x\\\"\"\nfoo\x1b[2J\x0b bar\n",
    );
    run.exits(0).has_nothing_raw();
}

#[test]
fn settings_that_ehlo_does_not_accept_are_comments() {
    let (_, run) = import(
        "msmtprc",
        "account default\nhost mail.crepes.fr\ndomain not_a_name!\nsource_ip x\n",
    );
    run.exits(0).shows(&[
        "# helo = \"not_a_name!\"  # ",
        "# bind = \"x\"  # ",
        "relay = \"mail.crepes.fr:25\"",
    ]);
}

#[test]
fn prefix_is_put_before_all_names() {
    let ehlo = Ehlo::new();
    ehlo.file("remotes", "a.crepes.fr\nb.crepes.fr\n");
    let source = format!("nullmailer={}", ehlo.path("remotes").display());
    let run = Ehlo::new()
        .args(["config", "import", &source, "--profile-prefix", "old-"])
        .run();
    run.exits(0).shows(&[
        "default = \"old-a.crepes.fr\"",
        "[profile.\"old-b.crepes.fr\"]",
        "fallback = [\"old-b.crepes.fr\"]",
    ]);
}
