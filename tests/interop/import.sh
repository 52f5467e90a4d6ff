# One sample in a namespace of its own: the original program sends a message, and then ehlo with the imported profile.
# Usage: import.sh EHLO FORMAT SAMPLE DIRECTORY. The events of both are left in DIRECTORY/original and DIRECTORY/ehlo.
set -u
ehlo=$1 format=$2 sample=$3 dir=$4
export HOME="$dir/home"
mkdir -p "$HOME" "$dir/etc/ssl/certs" "$dir/var/spool/dma" "$dir/var/spool/nullmailer/queue" \
  "$dir/var/spool/nullmailer/tmp" "$dir/var/spool/nullmailer/failed" "$dir/var/spool/ehlo" "$dir/var/lib" "$dir/var/mail"
for file in passwd group services nsswitch.conf ld.so.cache ld.so.conf; do
  [ -e "/etc/$file" ] && cp -a "/etc/$file" "$dir/etc/"
done
for file in ssl/openssl.cnf alternatives Muttrc Muttrc.d s-nail.rc terminfo; do
  [ -e "/etc/$file" ] && cp -aL "/etc/$file" "$dir/etc/$(dirname "$file")/"
done
cp -a /etc/perl "$dir/etc/" 2>/dev/null
printf '127.0.0.1 localhost\n127.0.0.1 mail.crepes.fr\n127.0.0.1 mail.hamburger.edu\n127.0.1.1 host.crepes.fr\n' \
  >"$dir/etc/hosts"
echo host.crepes.fr >"$dir/etc/hostname"
echo host.crepes.fr >"$dir/etc/mailname"
echo 'bob: bob@hamburger.edu' >"$dir/etc/aliases"
new='openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1'
$new -subj /CN=CA -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null || exit 90
$new -subj /CN=mail.crepes.fr -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -addext basicConstraints=CA:FALSE \
  -addext subjectAltName=DNS:mail.crepes.fr,DNS:mail.hamburger.edu,DNS:localhost \
  -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null || exit 90
chmod 600 "$dir/key.pem"
cp "$dir/ca.pem" "$dir/etc/ssl/certs/ca-certificates.crt"
ln -s ca-certificates.crt "$dir/etc/ssl/certs/$(openssl x509 -hash -noout -in "$dir/ca.pem").0"

# The configuration at the place where the program looks for it.
case $format in
  ssmtp | nullmailer | dma) place="$dir/etc/$format" ;;
  *) place="$HOME/.$format" ;;
esac
cp -r "$sample" "$place"
case $format in
  msmtprc | muttrc | mailrc | swaksrc) chmod 600 "$place" ;;
esac

# Values that a sample cannot know.
sum=$(openssl x509 -in "$dir/cert.pem" -noout -fingerprint -sha256 | cut -d= -f2)
find "$place" -type f -exec sed -i "s/FINGERPRINT-HEX/$(echo "$sum" | tr -d : )/; s/ FINGERPRINT$/ $sum/" {} +
echo hunter2 >"$HOME/.alice-password"

mount --bind "$dir/etc" /etc || exit 91
mount --bind "$dir/var/spool" /var/spool || exit 91
chmod 700 /var/spool/ehlo
hostname host.crepes.fr || exit 91
ip link set lo up || exit 91
case $format in
  nullmailer | dma | ssmtp)
    chgrp mail /var/spool/dma && chmod 2775 /var/spool/dma
    chown -R mail:mail /var/spool/nullmailer
    ;;
esac
[ -e /var/spool/nullmailer/trigger ] || mkfifo -m 666 /var/spool/nullmailer/trigger

echo 'alice:hunter2' >"$dir/users"
chmod 600 "$dir/users"
sinks=
start() {
  "$ehlo" sink --listen "127.0.0.1:$1" --json --maildir "$dir/mail" --auth "$dir/users" --name mail.crepes.fr --offer DSN $2 \
    >"$dir/events.$1" 2>"$dir/err.$1" &
  sinks="$sinks $!"
}
start 25 --auth-in-clear
start 2525 '--auth-in-clear --fault banner=421'
start 587 "--tls starttls --cert $dir/cert.pem --key $dir/key.pem"
start 465 "--tls implicit --cert $dir/cert.pem --key $dir/key.pem"
for port in 25 2525 587 465; do
  until grep -q listening "$dir/err.$port"; do
    kill -0 $sinks 2>/dev/null || exit 92
    sleep 0.02
  done
done

cat >"$dir/message" <<'END'
From: alice@crepes.fr
To: bob@hamburger.edu
Subject: the test
Date: Thu, 1 Jan 1970 00:00:00 +0000
Message-ID: <1@crepes.fr>

text
.dot
END
to=bob@hamburger.edu
case $format in
  msmtprc) msmtp -- $to <"$dir/message" ;;
  ssmtp) /opt/ssmtp/usr/sbin/ssmtp $to <"$dir/message" ;;
  dma) /opt/dma/usr/sbin/dma -D -f alice@crepes.fr $to <"$dir/message" ;;
  nullmailer)
    mount -t overlay overlay -o "lowerdir=/opt/nullmailer/usr:/usr" /usr || exit 93
    nullmailer-inject -f alice@crepes.fr $to <"$dir/message" || exit 94
    nullmailer-send >"$dir/nullmailer.log" 2>&1 &
    sender=$!
    tries=0
    while [ -n "$(ls /var/spool/nullmailer/queue)" ] && [ $tries -lt 500 ]; do
      sleep 0.02
      tries=$((tries + 1))
    done
    kill $sender
    ;;
  muttrc) printf 'text\n.dot\n' | mutt -F "$place" -s 'the test' -- $to ;;
  mailrc)
    account=$(sed -n 's/^account \([a-z]*\) {/\1/p' "$place")
    printf 'text\n.dot\n' | MAILRC="$place" s-nail -n -Sexpandaddr ${account:+-A $account} -s 'the test' $to
    ;;
  swaksrc) swaks --config "$place" --to $to >"$dir/swaks.log" ;;
esac >"$dir/original.log" 2>&1
echo "original: $?" >>"$dir/original.log"
for port in 25 2525 587 465; do
  cp "$dir/events.$port" "$dir/original.$port"
done

case $format in
  ssmtp) from="ssmtp=$place/ssmtp.conf" ;;
  dma) from="dma=$place/dma.conf" ;;
  *) from="$format=$place" ;;
esac
(umask 077 && "$ehlo" config import "$from" --secrets "$dir/secrets" >"$dir/config.toml" 2>"$dir/import.log") || exit 95
export EHLO_CONFIG="$dir/config.toml"
"$ehlo" config check >>"$dir/import.log" 2>&1 || exit 96
case $format in
  msmtprc | ssmtp) "$ehlo" sendmail -odi -i $to <"$dir/message" ;;
  nullmailer | dma) "$ehlo" sendmail -odi -i -f alice@crepes.fr $to <"$dir/message" ;;
  muttrc | mailrc)
    profile=$(sed -n 's/^\[profile\.\(.*\)\]/\1/p' "$EHLO_CONFIG" | head -1)
    printf 'text\n.dot\n' | "$ehlo" --profile "$profile" -s 'the test' -b - $to
    ;;
  swaksrc)
    profile=swaks
    grep -q '^body' "$EHLO_CONFIG" && body='' || body='-b text'
    "$ehlo" --profile swaks $body $to
    ;;
esac >"$dir/ehlo.log" 2>&1
echo "ehlo: $?" >>"$dir/ehlo.log"
kill $sinks
exit 0
