//! What a host runs by itself, and has something to say about.

use super::{CALLER, Caller, Failure, Place, is_served};

const DAEMON: Caller = Caller {
    place: Place::Host,
    sender: "root@example.org",
    recipients: &["root@example.org"],
    failure: Failure::Unseen,
    ..CALLER
};

#[test]
fn cron() {
    is_served(&Caller {
        needs: &["/usr/sbin/cron"],
        // What is due at the start runs at once.
        script: r"
            cat > /etc/crontab <<'END'
SHELL=/bin/sh
@reboot root printf 'Gr\303\274\303\237e\n.\n..\nend\n'; touch /mnt/ran
END
            cron -f &
            end_when_idle $!
        ",
        failure: Failure::Says("but got status 0x004b from MTA"),
        ..DAEMON
    });
}

#[test]
fn cron_with_several_in_mailto() {
    is_served(&Caller {
        needs: &["/usr/sbin/cron"],
        script: r"
            cat > /etc/crontab <<'END'
MAILTO=bob@example.test,carol@example.test
@reboot root echo text; touch /mnt/ran
END
            cron -f &
            end_when_idle $!
        ",
        recipients: &["bob@example.test", "carol@example.test"],
        failure: Failure::Says("but got status 0x004b from MTA"),
        ..DAEMON
    });
}

#[test]
fn cron_for_another_user() {
    is_served(&Caller {
        needs: &["/usr/sbin/cron"],
        script: r"
            cat > /etc/crontab <<'END'
MAILTO=bob@example.test
@reboot nobody echo text; touch /mnt/ran
END
            chmod 777 /mnt
            cron -f &
            end_when_idle $!
        ",
        sender: "nobody@example.org",
        recipients: &["bob@example.test"],
        failure: Failure::Says("but got status 0x004b from MTA"),
        ..DAEMON
    });
}

#[test]
fn anacron() {
    is_served(&Caller {
        needs: &["/usr/sbin/anacron"],
        // It calls without -i, so that a line of a dot is the end.
        script: r"
            mkdir /mnt/spool
            cat > /mnt/job <<'END'
printf 'one\n..\ntwo\n.\nthree\n'
END
            printf '1\t0\tthe-job\tsh /mnt/job\n' > /mnt/anacrontab
            anacron -d -n -f -s -t /mnt/anacrontab -S /mnt/spool
        ",
        failure: Failure::Says("mailer process (/usr/sbin/sendmail) exited with status 75"),
        ..DAEMON
    });
}

#[test]
fn at() {
    is_served(&Caller {
        needs: &["/usr/bin/at", "/usr/sbin/atd"],
        script: r#"
            mkdir -m 1770 /mnt/cron/atjobs /mnt/cron/atspool
            echo 0 > /mnt/cron/atjobs/.SEQ
            chmod 600 /mnt/cron/atjobs/.SEQ
            chown -R daemon:daemon /mnt/cron/atjobs /mnt/cron/atspool
            echo "printf 'Gr\303\274\303\237e\n.\nend\n'; touch /mnt/ran" | at -m now
            atd -f &
            end_when_idle $!
        "#,
        ..DAEMON
    });
}

#[test]
fn mdadm() {
    is_served(&Caller {
        needs: &["/opt/mdadm/sbin/mdadm"],
        script: r"
            /opt/mdadm/sbin/mdadm --monitor --test --oneshot --mail=root --config=/dev/null /dev/md0
        ",
        ..DAEMON
    });
}

#[test]
fn logwatch() {
    is_served(&Caller {
        needs: &["/usr/share/logwatch/scripts/logwatch.pl"],
        script: r"
            mkdir /mnt/logs /mnt/cache
            printf 'Nov 22 10:00:00 host sshd[1]: Accepted password for alice from 192.0.2.1 port 22 ssh2\n' |
            tee /mnt/logs/secure > /mnt/logs/auth.log
            mkdir -p /etc/logwatch/conf
            printf 'TmpDir = /mnt/cache\n' >> /etc/logwatch/conf/logwatch.conf
            /usr/share/logwatch/scripts/logwatch.pl --logdir /mnt/logs --output mail --mailto root \
                --range all --service sshd --detail high
        ",
        ..DAEMON
    });
}

#[test]
fn sudo() {
    is_served(&Caller {
        needs: &["/usr/bin/sudo"],
        script: r"
            echo 'Defaults mailto=root, !lecture, !authenticate, !use_pty' > /etc/sudoers
            chmod 440 /etc/sudoers
            rm -rf /etc/sudoers.d
            setpriv --reuid=nobody --regid=nogroup --clear-groups sudo true && exit 99
            # Its mailer has lost its parent long ago.
            while pgrep --full '^sudo true' > /dev/null; do sleep 0.01; done
        ",
        // Debian's calls as the user who was refused.
        sender: "nobody@example.org",
        ..DAEMON
    });
}
