//! A client of mailpit's API, mailpit-api for Node.js, with `ehlo sink --http`, and 20 tasks of the author of a test.

use crate::parts::has;
use crate::receiver::Receiver;
use std::process::Command;

const CLIENT: &str = "/opt/mailpit-api/node_modules/mailpit-api/package.json";

const MAILER: &str = "/opt/nodemailer/node_modules/nodemailer/package.json";

const TASKS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/interop/mailpit/tasks.js"
);

/// Each call that the sink answers, and what it must return.
const SCRIPT: &str = r"
const assert = require('node:assert');
const { MailpitClient } = require('/opt/mailpit-api/node_modules/mailpit-api');
(async () => {
  const client = new MailpitClient(process.argv[1]);
  assert.equal((await client.getInfo()).Messages, 2);
  await client.getConfiguration();
  const list = await client.listMessages(0, 10);
  assert.deepEqual(list.messages.map((one) => one.Subject), ['two', 'one']);
  const found = await client.waitForMessage({ query: 'subject:one' }, { timeout: 60000 });
  const message = await client.getMessageSummary(found.ID);
  assert.equal(message.From.Address, 'alice@crepes.fr');
  assert.equal(message.Attachments[0].FileName, 'menu.txt');
  const part = await client.getMessageAttachment(found.ID, message.Attachments[0].PartID);
  assert.equal(await part.text(), 'menu');
  assert.deepEqual((await client.getMessageHeaders(found.ID)).Subject, ['one']);
  assert.match(await client.getMessageSource(found.ID), /^From: /);
  assert.equal((await client.searchMessages({ query: 'is:read' })).messages_count, 1);
  await client.setReadStatus({ IDs: [found.ID], Read: false });
  assert.equal((await client.listMessages()).unread, 2);
  await client.setTags({ IDs: [found.ID], Tags: ['shop'] });
  await client.renameTag('shop', 'market');
  assert.deepEqual(await client.getTags(), ['market']);
  await client.deleteTag('market');
  const chaos = await client.setChaosTriggers({ Recipient: { ErrorCode: 451, Probability: 0 } });
  assert.equal(chaos.Recipient.Probability, 0);
  assert.match(await client.renderMessageText(found.ID), /text of one/);
  await client.deleteMessagesBySearch({ query: 'subject:one' });
  await client.deleteMessages();
  assert.equal((await client.listMessages()).total, 0);
  console.log('complete');
})().catch((error) => { console.error(error); process.exit(1); });
";

#[test]
fn client_of_mailpit_lists_reads_marks_and_deletes() {
    if !has("/usr/bin/node") || !has(CLIENT) {
        return;
    }
    let mut receiver = Receiver::start(&["--http", "127.0.0.1:0"]);
    let address = format!("http://127.0.0.1:{}", receiver.http_port());
    for subject in ["one", "two"] {
        receiver.say(&format!(
            "EHLO me\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nFrom: alice@crepes.fr\r\nTo: b@x\r\nSubject: {subject}\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext of {subject}\r\n\
             --b\r\nContent-Disposition: attachment; filename=menu.txt\r\n\r\nmenu\r\n--b--\r\n.\r\nQUIT\r\n"
        ));
    }
    let output = Command::new("/usr/bin/node")
        .args(["-e", SCRIPT, &address])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "complete\n",
        "{error}"
    );
}

#[test]
fn twenty_tasks_are_done_by_both_apis() {
    if !has("/usr/bin/node") || !has(CLIENT) || !has(MAILER) {
        return;
    }
    let mut receiver = Receiver::start(&["--http", "127.0.0.1:0"]);
    let address = format!("http://127.0.0.1:{}", receiver.http_port());
    let relay = receiver.relay();
    let port = relay.rsplit(':').next().unwrap();
    let output = Command::new("/usr/bin/node")
        .args([TASKS, &address, port])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "20 tasks\n", "{error}");
}
