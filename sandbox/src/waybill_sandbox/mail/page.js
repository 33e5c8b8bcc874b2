// The list follows new mail by itself; the reader keeps what the person looks at.
"use strict";
const by = (id) => document.getElementById(id);
let shown = location.hash.slice(1) || null;
let lastList = "";

function time(text) {
  return new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
}

async function refresh() {
  const answer = await fetch("/api/summaries");
  if (!answer.ok) return;
  const wanted = by("filter").value.trim().toLowerCase();
  const all = await answer.json();
  const mails = all.filter((mail) => mail.to.toLowerCase().includes(wanted));
  by("count").textContent = all.length ? `(${all.length})` : "";
  const state = JSON.stringify([mails.map((mail) => mail.id), shown]);
  if (state === lastList) return;
  lastList = state;
  by("list").replaceChildren(...mails.map(row));
  by("empty").hidden = mails.length > 0;
  if (!mails.some((mail) => mail.id === shown)) {
    if (mails.length) await show(mails[0].id); else by("message").hidden = true;
  } else if (by("message").hidden) {
    await show(shown);
  }
}

function row(mail) {
  const button = document.createElement("button");
  const subject = document.createElement("strong");
  const line = document.createElement("span");
  button.type = "button";
  subject.textContent = mail.subject || "(no subject)";
  line.textContent = `${new Date(mail.received_at).toLocaleTimeString()} · ${mail.to}`;
  button.setAttribute("aria-current", String(mail.id === shown));
  button.append(subject, line);
  button.addEventListener("click", () => show(mail.id));
  return button;
}

async function show(id) {
  const answer = await fetch(`/api/messages/${id}`);
  if (!answer.ok) return;
  const mail = await answer.json();
  shown = id;
  history.replaceState(null, "", `#${id}`);
  by("subject").textContent = mail.subject || "(no subject)";
  by("from").textContent = mail.headers.From || mail.from;
  by("to").textContent = mail.to;
  by("received").textContent = time(mail.received_at);
  by("html").src = `/messages/${id}/html`;
  by("text").textContent = mail.text || "(this mail has no plain text)";
  by("headers").textContent = Object.entries(mail.headers)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`)).join("\n");
  by("message").hidden = false;
  by("empty").hidden = true;
  lastList = "";
  refresh();
}

for (const button of document.querySelectorAll("[data-view]")) {
  button.addEventListener("click", () => {
    for (const other of document.querySelectorAll("[data-view]")) {
      other.setAttribute("aria-pressed", String(other === button));
      by(other.dataset.view).hidden = other !== button;
    }
  });
}
by("filter").addEventListener("input", refresh);
by("clear").addEventListener("click", async () => {
  await fetch("/api/messages", { method: "DELETE" });
  shown = null;
  refresh();
});
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, 1500);
