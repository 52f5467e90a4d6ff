#!/bin/sh
# In a mount namespace: installs, upgrades and purges the packages in $1 on a copy of this host's files, which is gone
# afterwards, and has two users send mail by the relay at $2 in between. The copy has no other mail system.
set -e
packages=$1 relay=$2
mount --make-rprivate /
base=$(mktemp -d)
mount -t tmpfs none "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
mount -t proc none "$base/root/proc"
mount -o bind /dev "$base/root/dev"
mount -t tmpfs none "$base/root/run"
cp "$packages"/*.deb "$base/root/root/"
cat >"$base/root/root/steps" <<'STEPS'
set -e
relay=$1
say() { echo "== $*"; }
rm -rf /var/spool/ehlo /etc/ehlo
dpkg --force-depends --purge postfix >/dev/null 2>&1 || true
# Mail of root from before the package.
mkdir -m 700 /var/spool/ehlo

say install
dpkg --force-depends -i /root/ehlo_*.deb /root/ehlo-mta_*.deb
for name in /usr/sbin/sendmail /usr/lib/sendmail /usr/bin/mailq /usr/bin/newaliases /usr/lib/ehlo/bin/*; do
  echo "link $name $(realpath "$name")"
done
stat -c 'queue %U %a' /var/spool/ehlo
ls /etc/systemd/system/sockets.target.wants /etc/systemd/system/timers.target.wants
newaliases

say configure
mkdir /etc/ehlo
printf 'default = "relay"\n[profile.relay]\nrelay = "%s"\ntls = "off"\n' "$relay" >/etc/ehlo/config.toml
# What systemd would do.
install -d -o ehlo -m 755 /run/ehlo
setpriv --reuid ehlo --regid ehlo --clear-groups env -i PATH=/usr/bin:/bin \
  ehlo queue serve --queue-dir /var/spool/ehlo 2>/run/serve.log &
server=$!
until grep -q accepting /run/serve.log; do sleep 0.1; done
for user in games www-data; do
  printf 'Subject: of %s\n\ntext\n' "$user" |
    setpriv --reuid "$user" --regid "$user" --clear-groups env -i HOME=/nonexistent \
      /usr/sbin/sendmail -i bob@hamburger.edu && echo "sent by $user"
done
printf 'Subject: of root\n\ntext\n' | env -i /usr/sbin/sendmail -i bob@hamburger.edu && echo "sent by root"
until mailq | grep -q 'queue is empty'; do sleep 0.1; done
kill "$server"

say upgrade
printf 'Subject: late\n\ntext\n' | env -i /usr/sbin/sendmail -i bob@hamburger.edu && echo "kept for root"
ehlo queue run --all-users
setpriv --reuid ehlo --regid ehlo --clear-groups env -i PATH=/usr/bin:/bin \
  ehlo --queue-only -q --queue-dir /var/spool/ehlo -f alice@crepes.fr -b kept bob@hamburger.edu
dpkg --force-depends -i /root/ehlo_*.deb /root/ehlo-mta_*.deb
mailq | tail -n 1

say purge
dpkg --force-depends --purge ehlo-mta
ls /usr/sbin/sendmail 2>&1 || true
ls -d /var/spool/ehlo
rm -rf /var/spool/ehlo/items/*
dpkg --force-depends -i /root/ehlo-mta_*.deb >/dev/null
dpkg --force-depends --purge ehlo-mta >/dev/null
[ -e /var/spool/ehlo ] || echo "no queue"
dpkg --purge ehlo
[ -e /etc/ehlo/config.toml ] && echo "configuration kept"
[ -e /usr/bin/ehlo ] || echo "program gone"
STEPS
chroot "$base/root" /bin/sh /root/steps "$relay" 2>&1
