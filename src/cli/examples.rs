//! Examples, as help and the manual show them.

/// Examples for the three main uses.
pub const EXAMPLES: &str = "\
From a script, to wherever the domain's mail exchanger is:
  ehlo --from alice@crepes.fr --subject Ketchup --body 'Do you like ketchup?' \\
       --attach menu.pdf bob@hamburger.edu

Through a relay, with the text from a pipe, and only failures shown:
  df -h | ehlo -q -r mail.example.org -s 'disks' ops@example.org

Through a provider, with a password from a password manager, or a token, or a profile:
  ehlo -r smtp.example.org:587 --tls starttls -u alice --password-command 'pass show smtp' \\
       -s hello -b hello bob@example.net
  ehlo -r smtp.example.org:465 -u alice@example.org --oauth-token-command mytoken -s hi -b hi bob@example.net
  ehlo --profile work -s hello -b hello bob@example.net

What a server can do, and whether it is what a monitor expects:
  ehlo probe mail.example.org:587
  ehlo probe mail.example.org --expect starttls,verified,cert-days:14,size:10M

Test a server: under another name, without a sender, commands one by one:
  ehlo -r '[2001:db8::25]:2525' --helo client.example.org --envelope-from '' \
       --pipelining off -b test postmaster@example.org

Every octet and its time; how long each step takes; what Exim would do if we came from elsewhere:
  ehlo --hex --timing -r mail.example.org -b test postmaster@example.org
  ehlo -q --summary -r mail.example.org -b test postmaster@example.org
  ehlo --pipe 'exim -bh 192.0.2.1' -b test postmaster@example.org

A letter in Markdown, with a picture in it, and its plain text beside:
  ehlo -r mail.example.org -s 'Trip' --markdown @trip.md --inline map.png ann@example.org

An invitation, and a log that comes through a pipe:
  ehlo -s 'Review' -b 'See you' --calendar review.ics bob@example.org
  journalctl -b | ehlo -s 'log' -b 'attached' -a '-;name=boot.log' ops@example.org

A ready message to those whom it names, and to those whom you name instead:
  ehlo --message draft.eml
  ehlo --message draft.eml archive@example.org

Look at the message without sending it:
  ehlo --print -s 'Grüße' -b @letter.txt -a photo.jpg bob@example.org

From cron, what a command writes, and nothing if it writes nothing:
  15 3 * * *  backup 2>&1 | /usr/local/bin/ehlo -E -q -r mail.example.org -s 'backup' ops@example.org

Kept until it can be delivered, by a run of the queue from cron:
  ehlo --queue -s 'report' -b @report.txt ops@example.org
  ehlo queue list
  (crontab -l; ehlo queue cron) | crontab -

One line of JSON a step for a program to read, and a receiver to try it on:
  ehlo sink --count 1 --print &
  ehlo --json -r 127.0.0.1:2525 -s test -b hello bob@example.org
";
