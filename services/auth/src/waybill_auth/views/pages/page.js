"use strict";
const texts = {
  en: {
    verify: "Confirm your address", verifyHint: "State the password for your account; it is the one that counts from now on.",
    reset: "Choose a new password", resetHint: "All your sessions end; sign in again afterwards.",
    forgot: "Reset your password", forgotHint: "We send a link to your address if there is an account for it.",
    password: "Password", email: "E-mail address", send: "Send", save: "Save",
    done: "Done. You can sign in now.", mailed: "If there is an account, a mail is on its way.",
    bad: "This link is not valid, was used, or has expired. Ask for a new one.",
    weak: "Choose a longer or less common password, without your own name or address.",
    busy: "Too many attempts. Wait a moment and try again.", failed: "That did not work. Try again."
  },
  ko: {
    verify: "이메일 주소 확인", verifyHint: "계정에 사용할 비밀번호를 입력하세요. 지금부터 이 비밀번호가 적용됩니다.",
    reset: "새 비밀번호 설정", resetHint: "모든 세션이 종료됩니다. 이후 다시 로그인하세요.",
    forgot: "비밀번호 재설정", forgotHint: "계정이 있으면 해당 주소로 링크를 보내 드립니다.",
    password: "비밀번호", email: "이메일 주소", send: "보내기", save: "저장",
    done: "완료되었습니다. 이제 로그인할 수 있습니다.", mailed: "계정이 있으면 메일이 곧 도착합니다.",
    bad: "링크가 올바르지 않거나 이미 사용되었거나 만료되었습니다. 새로 요청하세요.",
    weak: "더 길고 흔하지 않은 비밀번호를 선택하세요. 이름이나 주소는 사용할 수 없습니다.",
    busy: "시도가 너무 많습니다. 잠시 후 다시 시도하세요.", failed: "실패했습니다. 다시 시도하세요."
  }
};
const language = navigator.language.startsWith("ko") ? "ko" : "en";
const text = texts[language];
const token = new URLSearchParams(location.hash.slice(1)).get("token");
const page = document.body.dataset.page;
const mode = page === "reset" && !token ? "forgot" : page;
const form = document.querySelector("form");
const field = document.querySelector("input");
const label = document.querySelector("label");
const button = document.querySelector("button");
const status = document.querySelector("[role=status]");
document.documentElement.lang = language;
document.title = text[mode];
document.querySelector("h1").textContent = text[mode];
document.querySelector("p").textContent = text[mode + "Hint"];
label.textContent = mode === "forgot" ? text.email : text.password;
field.type = mode === "forgot" ? "email" : "password";
field.autocomplete = mode === "forgot" ? "email" : "new-password";
button.textContent = mode === "forgot" ? text.send : text.save;
const routes = {verify: "/v1/email/verify", reset: "/v1/password/reset", forgot: "/v1/password/forgot"};
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  status.textContent = "";
  const body = mode === "forgot" ? {email: field.value} : {token: token || "", password: field.value};
  try {
    const answer = await fetch(routes[mode], {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)
    });
    const said = {202: text.mailed, 204: text.done, 400: text.bad, 422: text.weak, 429: text.busy, 503: text.busy};
    status.textContent = said[answer.status] || text.failed;
    if (answer.ok) { form.hidden = true; history.replaceState(null, "", location.pathname); return; }
  } catch {
    status.textContent = text.failed;
  }
  button.disabled = false;
});
form.hidden = false;
