"use strict";
// Text of messages is set as text only. HTML is shown in a frame without scripts and without access to the network.

const PAGE = 100;
const $ = (id) => document.getElementById(id);
const state = { messages: [], count: 0, query: "", id: null, message: null, tab: null, width: "full", revision: null, loading: 0, pending: 0 };

async function request(method, path, body) {
  const options = { method, headers: {} };
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  if (!response.ok) {
    let text = response.statusText;
    try { text = (await response.json()).Error || text; } catch { /* not JSON */ }
    throw new Error(text);
  }
  return response;
}
const get = async (path) => (await request("GET", path)).json();
const messagePath = (id) => "api/v1/message/" + encodeURIComponent(id);

function element(name, properties, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key in made) made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function person(one) {
  if (!one) return "";
  if (!one.Name) return one.Address;
  return one.Address ? `${one.Name} <${one.Address}>` : one.Name;
}
const people = (list) => (list || []).map(person).join(", ");

function size(octets) {
  if (octets < 1024) return `${octets} B`;
  const units = ["KiB", "MiB", "GiB"];
  let value = octets / 1024, unit = 0;
  while (value >= 1024 && unit < 2) { value /= 1024; unit += 1; }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

// Making a format takes longer than using it for all rows of the list.
const formats = {
  long: new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" }),
  time: new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
  day: new Intl.DateTimeFormat([], { day: "numeric", month: "short" }),
};

function when(text, long) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return "";
  if (long) return formats.long.format(date);
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? formats.time : formats.day).format(date);
}

// The list

function listPath(start, limit) {
  const page = `start=${start}&limit=${limit}`;
  if (!state.query) return `api/v1/messages?${page}`;
  return `api/v1/search?query=${encodeURIComponent(state.query)}&${page}`;
}

async function loadList() {
  const turn = ++state.loading;
  state.pending += 1;
  try {
    const list = await get(listPath(0, Math.max(PAGE, state.messages.length)));
    if (turn !== state.loading) return;
    $("search").classList.remove("invalid");
    $("search").title = "";
    state.messages = list.messages;
    state.count = list.messages_count;
    renderList();
    showCounts(list.total, list.unread);
  } catch (error) {
    if (turn !== state.loading) return;
    if (state.query) $("search").classList.add("invalid");
    $("search").title = error.message;
    $("counts").textContent = error.message;
  } finally {
    state.pending -= 1;
  }
}

async function loadMore() {
  if (state.messages.length >= state.count || state.isLoadingMore) return;
  state.isLoadingMore = true;
  const turn = state.loading;
  try {
    const list = await get(listPath(state.messages.length, PAGE));
    if (turn !== state.loading) return;
    const known = new Set(state.messages.map((message) => message.ID));
    const added = list.messages.filter((message) => !known.has(message.ID));
    state.messages.push(...added);
    $("list").append(...added.map(row));
  } finally {
    state.isLoadingMore = false;
  }
}

const tagLabel = (tag) => element("span", { className: "tag" }, tag);

function row(message) {
  const files = message.Attachments ? element("span", { className: "clip" }, counted(message.Attachments, "file")) : "";
  const to = [...(message.To || []), ...(message.Cc || []), ...(message.Bcc || [])];
  const first = to.length ? ` → ${to[0].Name || to[0].Address}${to.length > 1 ? ` +${to.length - 1}` : ""}` : "";
  const made = element("li", { id: "m-" + message.ID, role: "option", className: message.Read ? "" : "unread" },
    element("div", { className: "row" },
      element("span", { className: "who", title: `${person(message.From)} → ${people(to)}` },
        (message.From && (message.From.Name || message.From.Address)) || "(no sender)", element("span", { className: "to" }, first)),
      files, element("time", { dateTime: message.Created, title: when(message.Created, true) }, when(message.Created))),
    element("div", { className: "subject" }, message.Subject || "(no subject)"),
    element("div", { className: "snippet" }, ...(message.Tags || []).map(tagLabel), message.Snippet));
  made.setAttribute("aria-selected", String(message.ID === state.id));
  made.addEventListener("click", () => open(message.ID));
  return made;
}

function renderList() {
  $("list").replaceChildren(...state.messages.map(row));
  const isEmpty = state.messages.length === 0;
  $("empty").hidden = !isEmpty;
  $("list").hidden = isEmpty;
  $("empty-text").textContent = state.query ? "No message matches." : "No messages yet.";
  $("empty").querySelector(".hint").hidden = Boolean(state.query);
  mark();
}

function mark() {
  for (const item of $("list").children) {
    const isSelected = item.id === "m-" + state.id;
    item.setAttribute("aria-selected", String(isSelected));
    if (isSelected) item.scrollIntoView({ block: "nearest" });
  }
  if (state.id) $("list").setAttribute("aria-activedescendant", "m-" + state.id);
  else $("list").removeAttribute("aria-activedescendant");
}

function showCounts(total, unread) {
  const found = state.query ? `${state.count} of ` : "";
  $("counts").textContent = `${found}${counted(total, "message")}, ${unread} unread`;
  document.title = unread ? `(${unread}) ehlo sink` : "ehlo sink";
}

// One message

async function open(id) {
  state.id = id;
  const known = state.messages.find((message) => message.ID === id);
  mark();
  try {
    const message = await get(messagePath(id));
    if (state.id !== id) return;
    state.message = message;
    if (known) known.Read = true;
    const item = $("m-" + id);
    if (item) item.classList.remove("unread");
    renderMessage();
    history.replaceState(null, "", "#" + id);
  } catch (error) {
    if (state.id === id) { close(); $("counts").textContent = error.message; }
  }
}

function close() {
  state.id = state.message = null;
  document.body.classList.remove("reading");
  $("detail").hidden = true;
  $("placeholder").hidden = false;
  history.replaceState(null, "", location.pathname);
  mark();
  $("list").focus();
}

function renderMessage() {
  const message = state.message;
  document.body.classList.add("reading");
  $("detail").hidden = false;
  $("placeholder").hidden = true;
  $("subject").textContent = message.Subject || "(no subject)";
  $("download").href = messagePath(message.ID) + "/raw?dl=1";
  const rows = [["From", person(message.From)], ["To", people(message.To)], ["Cc", people(message.Cc)], ["Bcc", people(message.Bcc)],
    ["Reply-To", people(message.ReplyTo)], ["Return-Path", isOtherSender(message) ? `<${message.ReturnPath}>` : ""],
    ["Date", `${when(message.Date, true)} (${size(message.Size)})`], ["Unsubscribe", message.ListUnsubscribe.Links.join(", ")]];
  if (message.Tags.length) rows.push(["Tags", element("span", {}, ...message.Tags.map(tagButton))]);
  $("fields").replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  const files = message.Attachments.length + message.Inline.length;
  $("files").replaceChildren(...message.Attachments.map((file) => fileLink(message, file)));
  $("files").hidden = message.Attachments.length === 0;
  const tabs = [["html", "HTML", Boolean(message.HTML)], ["text", "Text", true], ["header", "Header", true],
    ["parts", files ? `Parts (${counted(files, "file")})` : "Parts", true], ["source", "Source", true],
    ["session", "Session", true], ["markup", "HTML source", Boolean(message.HTML)]];
  state.tabs = tabs.filter(([, , isShown]) => isShown).map(([name]) => name);
  $("tabs").replaceChildren(...tabs.filter(([, , isShown]) => isShown).map(([name, text]) => {
    const tab = element("button", { type: "button", id: "tab-" + name }, text);
    tab.setAttribute("role", "tab");
    tab.addEventListener("click", () => show(name));
    return tab;
  }));
  show(state.tabs.includes(state.tab) ? state.tab : state.tabs[0], true);
}

function isOtherSender(message) {
  return !message.From || message.ReturnPath.toLowerCase() !== message.From.Address.toLowerCase();
}

function tagButton(tag) {
  const button = element("button", { type: "button", className: "tag", title: "Search this tag" }, tag);
  const mark = tag.includes('"') ? "'" : '"';
  button.addEventListener("click", () => { $("search").value = `tag=${mark}${tag}${mark}`; search(); });
  return button;
}

const partPath = (message, file) => `${messagePath(message.ID)}/part/${encodeURIComponent(file.PartID)}`;

// Images that the server sends as such, and that are small enough to be shown without being asked for.
const isPicture = (file) => /^image\/(png|jpeg|gif|webp|bmp)$/.test(file.ContentType) && file.Size < 4 << 20;

function fileLink(message, file) {
  const path = partPath(message, file);
  const picture = isPicture(file) ? [element("img", { src: path, alt: "", loading: "lazy" })] : [];
  const octets = element("span", { className: "meta" }, size(file.Size));
  return element("li", { title: file.ContentType }, element("a", { href: path, download: file.FileName }, ...picture,
    element("span", {}, file.FileName), octets));
}

async function show(name, isFirst) {
  if (!state.tabs.includes(name)) return;
  if (!isFirst) state.tab = name;
  for (const tab of $("tabs").children) {
    const isSelected = tab.id === "tab-" + name;
    tab.setAttribute("aria-selected", String(isSelected));
    tab.tabIndex = isSelected ? 0 : -1;
    if (isSelected) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  $("widths").hidden = name !== "html";
  const message = state.message, panel = $("panel");
  const isCurrent = () => state.message === message && $("tab-" + name).getAttribute("aria-selected") === "true";
  const content = [];
  if (message.Truncated) content.push(element("p", { className: "notice" }, "The message is too large to be shown completely; download it."));
  try {
    content.push(...await views[name](message));
  } catch (error) {
    content.push(element("p", { className: "notice" }, error.message));
  }
  if (isCurrent()) {
    panel.replaceChildren(...content);
    panel.scrollTop = 0;
  }
}

const body = (...children) => element("div", { className: "body" }, ...children);

// The width in which HTML is shown.
function setWidth(width) {
  state.width = width;
  for (const button of $("widths").children) button.setAttribute("aria-pressed", String(button.dataset.width === width));
  const frame = $("panel").querySelector("iframe");
  if (frame) frame.className = width;
}

const views = {
  html(message) {
    const frame = element("iframe", { title: "HTML of the message" });
    frame.setAttribute("sandbox", "allow-popups allow-popups-to-escape-sandbox");
    frame.setAttribute("referrerpolicy", "no-referrer");
    frame.src = `view/${encodeURIComponent(message.ID)}.html`;
    const isRemote = /(?:src|background)\s*=\s*["']?\s*(?:https?:)?\/\/|url\(\s*["']?\s*(?:https?:)?\/\//i.test(message.HTML);
    const notice = isRemote ? [element("p", { className: "notice" }, "Remote images and styles are not loaded.")] : [];
    frame.className = state.width;
    return [...notice, frame];
  },
  markup(message) {
    return [body(element("pre", {}, message.HTML))];
  },
  text(message) {
    return [body(element("pre", {}, message.Text || "(no text part)"))];
  },
  async header(message) {
    const header = await get(messagePath(message.ID) + "/headers");
    const rows = Object.entries(header).flatMap(([name, values]) => values.flatMap((value) => [element("dt", {}, name), element("dd", {}, value)]));
    return [body(element("dl", { className: "table" }, ...rows))];
  },
  async parts(message) {
    const tree = await get(messagePath(message.ID) + "/parts");
    const files = [...message.Attachments, ...message.Inline].map((file) => element("li", {},
      element("a", { href: partPath(message, file), download: file.FileName }, file.FileName),
      element("div", { className: "meta" }, `${file.ContentType}, ${size(file.Size)}`),
      element("div", { className: "meta" }, `SHA-256 ${file.Checksums.SHA256}`)));
    const parts = tree.Parts.slice(0, 2000).map((part) => element("li", { className: "depth-" + Math.min(part.Depth, 4) },
      element("code", {}, part.PartID), ` ${part.ContentType} `,
      element("span", { className: "meta" }, [part.Charset, part.FileName, part.Role, size(part.EncodedSize)].filter(Boolean).join(", "))));
    const links = (message.Links || []).map((link) => element("li", {}, element("code", {}, link)));
    return [body(
      ...(files.length ? [element("h3", {}, "Attachments"), element("ul", { className: "files" }, ...files)] : []),
      element("h3", {}, "Parts"), element("ul", { className: "tree" }, ...parts),
      ...(links.length ? [element("h3", {}, "Links"), element("ul", { className: "tree" }, ...links)] : []))];
  },
  async source(message) {
    const limit = 1 << 20;
    const response = await request("GET", messagePath(message.ID) + "/raw");
    const reader = response.body.getReader(), decoder = new TextDecoder();
    let text = "", done = false;
    while (!done && text.length < limit) {
      const block = await reader.read();
      done = block.done;
      text += decoder.decode(block.value || new Uint8Array(), { stream: !done });
    }
    if (!done) { reader.cancel(); text += "\n… (download the message to see the rest)"; }
    return [body(element("pre", {}, text))];
  },
  async session(message) {
    const session = await get(messagePath(message.ID) + "/session");
    const recipients = session.Recipients.map((one) => `<${one.Address}> ${one.Parameters.join(" ")}`.trim()).join(", ");
    const rows = [["MAIL FROM", `<${session.Sender}> ${session.Parameters.join(" ")}`.trim()], ["RCPT TO", recipients],
      ["HELO", session.Helo], ["Client", session.Client], ["Login", session.Username],
      ["TLS", session.TLS ? `${session.TLS.Version}, ${session.TLS.Cipher}` : "no"], ["Received", when(session.Received, true)]];
    const lines = session.Transcript.map((line) => element("tr", { className: line.From },
      element("td", {}, `${line.Elapsed} ms`), element("td", {}, `${{ client: "C: ", server: "S: " }[line.From] || ""}${line.Text}`)));
    return [body(
      element("h3", {}, "Envelope"),
      element("dl", { className: "table" }, ...rows.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)])),
      element("h3", {}, "Transcript"),
      lines.length ? element("table", { className: "log" }, element("tbody", {}, ...lines)) : element("p", { className: "hint" }, "The message was received in an earlier run."))];
  },
};

// Actions

async function remove(id) {
  const at = state.messages.findIndex((message) => message.ID === id);
  await request("DELETE", "api/v1/messages", { IDs: [id] });
  const next = state.messages[at + 1] || state.messages[at - 1];
  state.messages = state.messages.filter((message) => message.ID !== id);
  state.count -= 1;
  const isDesktop = matchMedia("(min-width: 761px)").matches;
  if (next && isDesktop) open(next.ID); else close();
  renderList();
}

function confirmed(text) {
  const dialog = $("confirm");
  $("confirm-text").textContent = text;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

async function removeAll() {
  const query = state.query;
  if (!await confirmed(query ? `Delete the ${state.count} messages that match?` : "Delete all messages?")) return;
  await request("DELETE", query ? `api/v1/search?query=${encodeURIComponent(query)}` : "api/v1/messages");
  close();
  loadList();
}

async function setRead(isRead, ids) {
  await request("PUT", "api/v1/messages", { Read: isRead, IDs: ids });
}

function move(step) {
  if (state.messages.length === 0) return;
  const at = state.messages.findIndex((message) => message.ID === state.id);
  const to = at < 0 ? 0 : Math.min(Math.max(at + step, 0), state.messages.length - 1);
  open(state.messages[to].ID);
  if (to > state.messages.length - 5) loadMore();
}

const tabKeys = { 1: "html", 2: "text", 3: "header", 4: "parts", 5: "source", 6: "session", 7: "markup" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target === $("search")) {
    if (event.key === "Escape") { $("search").value = ""; search(); $("list").focus(); }
    if (event.key === "ArrowDown") { event.preventDefault(); $("list").focus(); move(0); }
    return;
  }
  const isInPanel = $("panel").contains(event.target);
  const actions = {
    j: () => move(1), k: () => move(-1),
    ArrowDown: isInPanel ? null : () => move(1), ArrowUp: isInPanel ? null : () => move(-1),
    "/": () => $("search").focus(), "?": () => $("help").showModal(),
    u: () => state.id && setRead(false, [state.id]), "#": () => state.id && remove(state.id), Delete: () => state.id && remove(state.id),
    Escape: () => (state.id ? close() : null),
    ArrowRight: event.target.role === "tab" ? () => stepTab(1) : null, ArrowLeft: event.target.role === "tab" ? () => stepTab(-1) : null,
  };
  const action = event.key in tabKeys ? () => state.message && show(tabKeys[event.key]) : actions[event.key];
  if (!action) return;
  event.preventDefault();
  Promise.resolve(action()).catch((error) => { $("counts").textContent = error.message; });
});

function stepTab(step) {
  const at = state.tabs.findIndex((name) => $("tab-" + name).getAttribute("aria-selected") === "true");
  const name = state.tabs[(at + step + state.tabs.length) % state.tabs.length];
  show(name);
  $("tab-" + name).focus();
}

function search() {
  state.query = $("search").value.trim();
  loadList();
}

let timer;
const later = (action, time) => { clearTimeout(timer); timer = setTimeout(action, time); };
$("search").addEventListener("input", () => later(search, 150));
$("search-form").addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(timer); search(); $("list").focus(); });
$("list").addEventListener("scroll", () => {
  const list = $("list");
  if (list.scrollTop + list.clientHeight > list.scrollHeight - 600) loadMore();
});
$("back").addEventListener("click", close);
for (const button of $("widths").children) button.addEventListener("click", () => setWidth(button.dataset.width));
$("previous").addEventListener("click", () => move(-1));
$("next").addEventListener("click", () => move(1));
$("delete").addEventListener("click", () => remove(state.id));
$("unread").addEventListener("click", () => setRead(false, [state.id]));
$("read-all").addEventListener("click", () => request("PUT", "api/v1/messages", { Read: true, Search: state.query }));
$("delete-all").addEventListener("click", () => removeAll().catch((error) => { $("counts").textContent = error.message; }));
$("help-button").addEventListener("click", () => $("help").showModal());

// Live

function listen() {
  const events = new EventSource("api/v1/events");
  let reload;
  const soon = () => { clearTimeout(reload); reload = setTimeout(loadList, 100); };
  events.addEventListener("open", () => { $("live").className = "on"; $("live").title = "live"; });
  events.addEventListener("error", () => { $("live").className = "off"; $("live").title = "not connected"; });
  events.addEventListener("new", (event) => {
    // A list that was requested before would hide the message again.
    if (state.query || state.pending) soon();
    if (state.query) return;
    const message = JSON.parse(event.data);
    if (state.messages.some((known) => known.ID === message.ID)) return;
    state.messages.unshift(message);
    state.count += 1;
    if (state.messages.length === 1) renderList(); else $("list").prepend(row(message));
  });
  events.addEventListener("update", (event) => {
    const update = JSON.parse(event.data);
    showCounts(update.Total, update.Unread);
    const isOther = update.Revision !== state.revision || (!state.query && update.Total !== state.count);
    state.revision = update.Revision;
    if (isOther) soon();
  });
}

loadList().then(() => {
  const id = location.hash.slice(1);
  if (id) open(id);
});
listen();
