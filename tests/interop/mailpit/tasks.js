// Tasks of the author of a test: each by mailpit's API with its client, and by the API of ehlo sink. Arguments: the
// address of the API, the port of SMTP.
'use strict';
const assert = require('node:assert');
const { createHash } = require('node:crypto');
const { MailpitClient } = require('/opt/mailpit-api/node_modules/mailpit-api');
const nodemailer = require('/opt/nodemailer/node_modules/nodemailer');

const [, , address, port] = process.argv;
const mailpit = new MailpitClient(address);
const mailer = nodemailer.createTransport({ host: '127.0.0.1', port: Number(port), secure: false, ignoreTLS: true });
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const PDF = Buffer.from('%PDF-1.4 not really\n\0\x01\x02');
const sha256 = (octets) => createHash('sha256').update(octets).digest('hex');

const send = (mail) => mailer.sendMail({ from: 'Shop <shop@crepes.fr>', to: 'bob@hamburger.edu', text: 'hello', ...mail });
const call = async (method, path, body) => {
  const response = await fetch(`${address}/api/v1/${path}`, { method, body: body && JSON.stringify(body) });
  return { status: response.status, body: response };
};
const json = async (path) => (await call('GET', path)).body.json();
const query = (text) => encodeURIComponent(text);
const wait = (condition, rest = '') => json(`wait?query=${query(condition)}&timeout=60s${rest}`);
const newest = async (condition) => (await wait(condition)).messages[0].ID;

// The name of a task, what happens before it, and both ways.
const tasks = [
  ['start with an empty mailbox', () => send({ subject: 'left over' }), async () => {
    await mailpit.deleteMessages();
    assert.equal((await mailpit.listMessages()).total, 0);
  }, async () => {
    await call('DELETE', 'messages');
    assert.equal((await json('messages')).total, 0);
  }],
  ['wait for the mail to a user', () => { setTimeout(() => send({ to: 'new@hamburger.edu', subject: 'Welcome' }), 100); }, async () => {
    const mail = await mailpit.waitForMessage({ query: 'to:new@hamburger.edu' }, { timeout: 60000, interval: 20 });
    assert.equal(mail.Subject, 'Welcome');
  }, async () => {
    assert.equal((await wait('to=new@hamburger.edu')).messages[0].Subject, 'Welcome');
  }],
  ['read the code in the text', () => send({ subject: 'Your code', text: 'Your code is 481516.\n' }), async () => {
    const { Text } = await mailpit.waitForMessage({ query: 'subject:"Your code"' }, { timeout: 60000 });
    assert.equal(/\b(\d{6})\b/.exec(Text)[1], '481516');
  }, async () => {
    const { Text } = await json(`message/${await newest('subject="Your code"')}`);
    assert.equal(/\b(\d{6})\b/.exec(Text)[1], '481516');
  }],
  ['follow the link in the HTML', () => send({ subject: 'Reset', html: '<a href="https://crepes.fr/reset?u=1&amp;t=x%3D">reset</a>' }), async () => {
    const { HTML } = await mailpit.getMessageSummary('latest');
    assert.equal(/href="([^"]+)"/.exec(HTML)[1].replaceAll('&amp;', '&'), 'https://crepes.fr/reset?u=1&t=x%3D');
  }, async () => {
    assert.deepEqual((await json('message/latest')).Links, ['https://crepes.fr/reset?u=1&t=x%3D']);
  }],
  ['check names and addresses', () => send({ to: '"Müller, Jörg" <j@hamburger.edu>, b@x.example', cc: 'c@x.example', replyTo: 'Help <help@crepes.fr>' }), async () => {
    const mail = await mailpit.getMessageSummary();
    assert.deepEqual(mail.From, { Name: 'Shop', Address: 'shop@crepes.fr' });
    assert.deepEqual(mail.To[0], { Name: 'Müller, Jörg', Address: 'j@hamburger.edu' });
    assert.deepEqual([mail.To.length, mail.Cc[0].Address, mail.ReplyTo[0].Name], [2, 'c@x.example', 'Help']);
  }, async () => {
    assert.equal((await wait('from=shop@crepes.fr to="Müller, Jörg" cc=c@x.example reply-to=help@crepes.fr')).count, 1);
  }],
  ['find hidden recipients', () => send({ bcc: 'boss@crepes.fr' }), async () => {
    assert.equal((await mailpit.getMessageSummary()).Bcc[0].Address, 'boss@crepes.fr');
    assert.equal((await mailpit.searchMessages({ query: 'bcc:boss@crepes.fr' })).messages_count, 1);
  }, async () => {
    const { Recipients } = await json('message/latest/session');
    assert.deepEqual(Recipients.map((one) => one.Address), ['bob@hamburger.edu', 'boss@crepes.fr']);
  }],
  ['count the mails to one user', async () => { for (const to of ['a@x.example', 'b@x.example', 'a@x.example']) await send({ to }); }, async () => {
    assert.equal((await mailpit.searchMessages({ query: 'to:a@x.example' })).messages_count, 2);
  }, async () => {
    assert.equal((await wait('to=a@x.example', '&count=2')).count, 2);
  }],
  ['be sure that no mail was sent', () => send({ subject: 'other' }), async () => {
    assert.equal((await mailpit.searchMessages({ query: 'subject:invoice' })).messages_count, 0);
    await assert.rejects(mailpit.waitForMessage({ query: 'subject:invoice' }, { timeout: 60, interval: 20 }));
  }, async () => {
    const { status, body } = await call('GET', `wait?query=${query('subject:invoice')}&timeout=50ms`);
    assert.deepEqual([status, (await body.json()).messages_count], [408, 0]);
  }],
  ['compare an attachment', () => send({ attachments: [{ filename: 'Menü 1.pdf', content: PDF, contentType: 'application/pdf' }] }), async () => {
    const { ID, Attachments } = await mailpit.getMessageSummary();
    assert.deepEqual([Attachments.length, Attachments[0].FileName, Attachments[0].Size], [1, 'Menü 1.pdf', PDF.length]);
    const content = await mailpit.getMessageAttachment(ID, Attachments[0].PartID);
    assert.deepEqual(Buffer.from(await content.arrayBuffer()), PDF);
    assert.equal((await mailpit.searchMessages({ query: 'has:attachment' })).messages_count, 1);
  }, async () => {
    assert.equal((await json('message/latest')).Attachments[0].Checksums.SHA256, sha256(PDF));
  }],
  ['see the image in the HTML', () => send({ html: '<img src="cid:logo@x">', attachments: [{ filename: 'l.png', content: PNG, cid: 'logo@x' }] }), async () => {
    const { ID, Inline } = await mailpit.getMessageSummary();
    assert.deepEqual([Inline[0].ContentID, Inline[0].ContentType], ['logo@x', 'image/png']);
    assert.match(await mailpit.renderMessageHTML(ID), /<img src="[^c][^"]+"/);
  }, async () => {
    const page = await (await fetch(`${address}/view/latest.html`)).text();
    assert.ok(page.includes(`src="data:image/png;base64,${PNG.toString('base64')}"`), page);
  }],
  ['read a header field', () => send({ headers: { 'X-Order': 'Nº 17', 'Auto-Submitted': 'auto-generated' } }), async () => {
    const headers = await mailpit.getMessageHeaders();
    assert.deepEqual([headers['X-Order'], headers['Auto-Submitted']], [['Nº 17'], ['auto-generated']]);
  }, async () => {
    assert.deepEqual((await json('message/latest/headers'))['X-Order'], ['Nº 17']);
  }],
  ['read the source', () => send({ text: 'Grüße' }), async () => {
    assert.match(await mailpit.getMessageSource('latest'), /\r\nContent-Transfer-Encoding: quoted-printable\r\n[^]*\r\n\r\nGr=C3=BC=C3=9Fe/);
  }, async () => {
    const raw = await (await call('GET', 'message/latest/raw')).body.text();
    assert.ok(raw.endsWith('Gr=C3=BC=C3=9Fe\r\n'), raw);
  }],
  ['see what a reader would', () => send({ text: 'plain', html: '<p>rich</p><script>alert(1)</script>' }), async () => {
    assert.match(await mailpit.renderMessageHTML(), /<p>rich<\/p>/);
    assert.equal((await mailpit.renderMessageText()).trim(), 'plain');
  }, async () => {
    const response = await fetch(`${address}/view/latest.html`);
    assert.match(response.headers.get('content-security-policy'), /sandbox/);
    assert.equal((await response.text()).includes('<script'), false);
  }],
  ['mark mails as read', async () => { await send({ subject: 'one' }); await send({ subject: 'two' }); }, async () => {
    await mailpit.setReadStatus({ Search: 'subject:one', Read: true });
    assert.deepEqual((await mailpit.searchMessages({ query: 'is:unread' })).messages.map((one) => one.Subject), ['two']);
  }, async () => {
    await call('PUT', 'messages', { Read: true });
    assert.equal((await json('messages')).unread, 0);
  }],
  ['tag the mails of a test', () => send({ subject: 'mine', headers: { 'X-Tags': 'signup, slow' } }), async () => {
    const { ID, Tags } = await mailpit.getMessageSummary();
    assert.deepEqual(Tags, ['signup', 'slow']);
    await mailpit.setTags({ IDs: [ID], Tags: ['done'] });
    assert.equal((await mailpit.searchMessages({ query: 'tag:done' })).messages_count, 1);
  }, async () => {
    assert.equal((await json(`search?query=${query('tag=slow is:tagged')}`)).messages_count, 1);
  }],
  ['delete one mail, and those of a search', async () => { for (const subject of ['a', 'b', 'b']) await send({ subject }); }, async () => {
    const { messages } = await mailpit.listMessages();
    await mailpit.deleteMessages({ IDs: [messages[2].ID] });
    await mailpit.deleteMessagesBySearch({ query: 'subject:b' });
    assert.equal((await mailpit.listMessages()).total, 0);
  }, async () => {
    await call('DELETE', `search?query=${query('subject=b')}`);
    assert.deepEqual((await json('messages')).messages.map((one) => one.Subject), ['a']);
  }],
  ['make the server refuse', null, async () => {
    await mailpit.setChaosTriggers({ Recipient: { ErrorCode: 451, Probability: 100 } });
    await assert.rejects(send({}), (error) => error.responseCode === 451);
    assert.equal((await mailpit.getChaosTriggers()).Recipient.ErrorCode, 451);
    await mailpit.setChaosTriggers();
    await send({});
  }, async () => {
    await call('POST', 'faults', { Fault: 'rcpt(bob@hamburger.edu)=550 5.1.1 no such user@1' });
    await assert.rejects(send({}), (error) => error.responseCode === 550);
    await send({});
    await call('DELETE', 'faults');
  }],
  ['check that one can unsubscribe', () => send({ list: { unsubscribe: [['https://crepes.fr/u', 'mailto:u@crepes.fr']] }, headers: { 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' } }), async () => {
    const { ListUnsubscribe } = await mailpit.getMessageSummary();
    assert.deepEqual(ListUnsubscribe.Links.sort(), ['https://crepes.fr/u', 'mailto:u@crepes.fr']);
    assert.equal(ListUnsubscribe.HeaderPost, 'List-Unsubscribe=One-Click');
    assert.equal(ListUnsubscribe.Errors, '');
  }, async () => {
    assert.equal((await json('message/latest/headers'))['List-Unsubscribe-Post'][0], 'List-Unsubscribe=One-Click');
  }],
  ['go through a long list', async () => { for (let n = 0; n < 60; n += 1) await send({ subject: `mail ${n}` }); }, async () => {
    const list = await mailpit.listMessages(50, 20);
    assert.deepEqual([list.total, list.start, list.messages.length], [60, 50, 10]);
    assert.equal(list.messages[9].Subject, 'mail 0');
    assert.equal((await mailpit.searchMessages({ query: 'subject:"mail 5"', start: 10, limit: 5 })).messages.length, 1);
  }, async () => {
    const list = await json(`search?query=${query('subject~"^mail [0-9]$"')}&start=8&limit=5`);
    assert.deepEqual([list.messages_count, list.messages.map((one) => one.Subject)], [10, ['mail 1', 'mail 0']]);
  }],
  ['wait for several mails, then look at numbers', () => { for (const n of [1, 2, 3]) setTimeout(() => send({ subject: `part ${n}` }), 20 * n); }, async () => {
    const found = await mailpit.waitForMessages({ query: 'subject:part', count: 3, exact: true }, { timeout: 60000, interval: 20 });
    assert.equal(found.messages_count, 3);
    assert.equal((await mailpit.getInfo()).Messages, 3);
  }, async () => {
    assert.equal((await wait('subject~"^part [123]$"', '&count=3')).messages.length, 3);
    assert.equal((await json('info')).Unread, 3);
  }],
];

(async () => {
  let done = 0;
  for (const [name, before, byMailpit, byOwn] of tasks) {
    for (const [api, task] of [['mailpit', byMailpit], ['ehlo', byOwn]]) {
      await call('DELETE', 'messages');
      try {
        if (before) await before();
        await task();
      } catch (error) {
        throw new Error(`${name} (${api}): ${error.stack}`);
      }
    }
    done += 1;
  }
  console.log(`${done} tasks`);
})().catch((error) => { console.error(error); process.exit(1); });
