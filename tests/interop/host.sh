#!/bin/sh
# host.sh MTA PACKAGES RELAY OUT: starts systemd on a copy of this host's files, which is gone afterwards, with five users,
# fifty cron jobs, PHP, sudo and at. MTA is ehlo, installed from PACKAGES, or postfix. Both have the relay at RELAY, with a
# password; OUT/mail is its Maildir. What users are refused and what remains is written to OUT/MTA.
set -e
mta=$1 packages=$2 relay=$3 out=$4 stage=$5
if [ -z "$stage" ]; then
  # The manager makes the cgroups of its units below this one.
  unified=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  group=$(mktemp -d "$unified/ehlo-test.XXXXXX")
  finish() {
    echo 1 >"$group/cgroup.kill" || true
    until [ -z "$(cat "$group/cgroup.procs")" ]; do sleep 0.1; done
    find "$group" -depth -type d -exec rmdir {} \; || true
  }
  trap finish EXIT
  # shellcheck disable=SC2016
  timeout 300 sh -c 'echo $$ >"$0/cgroup.procs"; exec unshare -m -p -f -C -u -i sh "$@" inside' "$group" "$0" "$@"
  exit
fi

mount --make-rprivate /
base=$(mktemp -d)
mount -t tmpfs none "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
root=$base/root
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
# Over what may be a hierarchy of version 1.
mount -t tmpfs none "$root/sys/fs/cgroup" || true
mount -t cgroup2 none "$root/sys/fs/cgroup"
for directory in dev run tmp; do mount -t tmpfs -o mode=755 none "$root/$directory"; done
chmod 1777 "$root/tmp"
mkdir -p "$root/dev/shm" "$root/out" "$root/packages"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount -o bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mount -o bind "$out" "$root/out"
mount -o bind "$packages" "$root/packages"
: >"$out/$mta.console"
touch "$root/dev/console"
mount -o bind "$out/$mta.console" "$root/dev/console"
cat >"$root/prepare" <<'STEPS'
set -e
mta=$1 relay=$2
echo '127.0.0.1 localhost host.crepes.fr host' >/etc/hosts
echo host.crepes.fr >/etc/hostname
rm -rf /etc/systemd/system/* /etc/cron.*/* /var/spool/cron/crontabs/* /var/spool/cron/atjobs/* /var/spool/ehlo /etc/ehlo
: >/etc/crontab
for user in user1 user2 user3 user4 user5; do useradd -m "$user"; done
if [ "$mta" = ehlo ]; then
  dpkg --force-depends --purge postfix >/dev/null 2>&1 || true
  dpkg --force-depends -i /packages/ehlo_*.deb /packages/ehlo-mta_*.deb
  mkdir -p /etc/ehlo
  printf '%s\n' 'default = "relay"' '[profile.relay]' "relay = \"$relay\"" 'user = "relay"' \
    'password-file = "/etc/ehlo/password"' 'tls = "off"' 'allow-cleartext-password = true' \
    '[sendmail]' 'domain = "crepes.fr"' 'aliases = "/dev/null"' >/etc/ehlo/config.toml
  echo secret-of-the-relay >/etc/ehlo/password
  chown ehlo /etc/ehlo/password
  chmod 600 /etc/ehlo/password
else
  printf '%s\n' 'compatibility_level = 3.6' 'myhostname = host.crepes.fr' 'myorigin = crepes.fr' 'mydestination =' \
    'alias_maps =' 'inet_interfaces = loopback-only' "relayhost = [${relay%:*}]:${relay#*:}" \
    'smtp_sasl_auth_enable = yes' 'smtp_sasl_password_maps = texthash:/etc/postfix/password' \
    'smtp_sasl_security_options = noanonymous' 'smtp_tls_security_level = none' 'maillog_file = /out/postfix.log' \
    'maillog_file_prefixes = /out' >/etc/postfix/main.cf
  # Nothing listens on the network.
  sed -i -e '/^smtp .*inet/d' -e '/^submission/d' -e '/^[0-9].* inet/d' /etc/postfix/master.cf
  echo 'postlog unix-dgram n - n - 1 postlogd' >>/etc/postfix/master.cf
  echo "[${relay%:*}]:${relay#*:} relay:secret-of-the-relay" >/etc/postfix/password
  chmod 600 /etc/postfix/password
fi

# Ten jobs of each user: two of them have no mail, one has two recipients, one fails.
for user in user1 user2 user3 user4 user5; do
  {
    for job in 1 2 3 4 5; do echo "@reboot echo output of job $job"; done
    echo 'MAILTO=ops@hamburger.edu'
    echo '@reboot echo output of job 6'
    echo '@reboot true # job 7 has no output'
    echo 'MAILTO=""'
    echo '@reboot echo output of job 8'
    echo 'MAILTO=user1,user2'
    echo '@reboot echo output of job 9'
    echo "MAILTO=$user"
    echo '@reboot echo error of job 10 >&2; exit 3'
  } | crontab -u "$user" -
done
cat >/etc/systemd/system/host.target <<'UNIT'
[Unit]
Requires=basic.target cron.service atd.service steps.service
AllowIsolate=yes
UNIT
cat >/etc/systemd/system/steps.service <<'UNIT'
[Unit]
After=basic.target cron.service atd.service
[Service]
Type=oneshot
ExecStart=/bin/sh /steps
StandardOutput=file:/out/said
StandardError=inherit
ExecStopPost=/bin/systemctl --no-block exit 0
UNIT
for service in cron atd; do cp "/lib/systemd/system/$service.service" /etc/systemd/system/; done
if [ "$mta" = postfix ]; then
  mkdir /etc/systemd/system/cron.service.d
  printf '[Service]\nExecStartPre=/usr/sbin/postfix start\n' >/etc/systemd/system/cron.service.d/postfix.conf
fi
STEPS
chroot "$root" /bin/sh /prepare "$mta" "$relay" >"$out/$mta.prepared" 2>&1

cat >"$root/steps" <<'STEPS'
as() { user=$1; shift; runuser -u "$user" -- "$@"; }
message() { printf 'Subject: %s\n\ntext\n' "$1"; }
as www-data php -r 'var_dump(mail("shop@hamburger.edu", "from php", "text"));'
message 'by sudo' | sudo -n -u user2 sendmail -i ops@hamburger.edu
# The report of sudo itself, to root.
echo wrong | as user1 sudo -S true
echo 'echo output of at' | as user3 at now
if [ -e /etc/ehlo/config.toml ]; then
  for user in user1 www-data; do
    as "$user" cat /etc/ehlo/password && echo "REVEALED to $user"
    as "$user" ls /var/spool/ehlo/items && echo "LISTED for $user"
    message forged | as "$user" sendmail -i -f user2@crepes.fr ops@hamburger.edu && echo "FORGED by $user"
  done
  systemctl is-active ehlo-submit.socket ehlo-queue.timer ehlo-queue-users.timer
  # What the timers start.
  systemctl start ehlo-queue.service ehlo-queue-users.service && echo 'queues run'
fi
# Forty messages of cron and four others.
for try in $(seq 600); do
  [ "$(ls /out/mail/new | wc -l)" -ge 44 ] && mailq | grep -q 'queue is empty' && break
  # What a user's own queue has kept while the socket was busy.
  [ "$((try % 100))" = 99 ] && [ -e /etc/ehlo/config.toml ] &&
    systemctl start ehlo-queue.service ehlo-queue-users.service
  sleep 0.1
done
mailq
find /home/*/.local/state/ehlo/queue/items /var/spool/ehlo/items -type f ! -name '*.log' 2>/dev/null
systemctl --failed --no-legend
journalctl --no-pager -o cat -u 'ehlo*' -u cron -u atd >/out/journal 2>&1
STEPS
exec chroot "$root" /usr/bin/env -i container=ehlo PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=host.target --show-status=no --log-target=console --log-level=info
